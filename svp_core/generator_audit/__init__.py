"""Audit of a generator: does it give its training images away, and how is that said?

audit.py measures, verdict.py says it, tiles.py chooses what is compared; model_verdict.py keeps the verdict with the
model and loads no network library.
"""
