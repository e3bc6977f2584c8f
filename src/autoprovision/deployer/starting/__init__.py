"""Makes a blueprint's folder of a CloudFormation template from elsewhere.

What can be known is written; what only the author can decide is said, and left to the rules.
"""
