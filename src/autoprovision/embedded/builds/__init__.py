"""Runs CodeBuild builds as processes of this machine: it has no containers to run them in."""
