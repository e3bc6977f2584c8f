"""The ports on AWS, one service a file."""
