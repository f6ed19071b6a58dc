"""Simulated buyers: real HTTP and websockets against the public contract, and nothing of the application.

`python -m crowd` is the demo's crowd; `crowd.buyer.buy` is one buyer, which tests and benchmarks use.
"""
