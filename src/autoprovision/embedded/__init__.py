"""Starts the embedded AWS (MiniStack on loopback) and closes its gaps from outside.

Only the command line, tests and benchmarks import this package: the deployed product must not
know whether it runs on AWS or here.
"""
