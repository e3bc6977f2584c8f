"""Systems Manager of the embedded AWS: automations by runbooks, and commands on machines."""
