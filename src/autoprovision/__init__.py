"""Self-service provisioning of web applications on AWS from one JSON template."""

__version__ = "0.1.0"
