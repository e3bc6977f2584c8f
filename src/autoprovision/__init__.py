"""Self-service provisioning of web applications on AWS from one JSON template."""
