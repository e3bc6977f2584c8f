"""Puts the platform's stacks into an account and publishes what can be ordered.

`deploy` does all of it, in an order in which every part finds what it needs, and again without
harm: what is there already stays, whatever ended the run before.
"""
