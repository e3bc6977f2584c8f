"""Benchmarks: one program a question; README.md tells which."""
