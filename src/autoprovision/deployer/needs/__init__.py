"""What CloudFormation has to be allowed for each resource type.

The rules of blueprints hold service roles against it, and the embedded AWS every call of a stack.
"""
