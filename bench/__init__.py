"""Measurements against real servers: `python -m bench` lists them, docs/benchmarks.md has their figures."""
