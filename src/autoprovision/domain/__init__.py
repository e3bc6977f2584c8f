"""The rules: no AWS, no HTTP, no environment variables."""
