"""Proofs on real parts: clusters, stores and faults; slow, so run by `pytest -m proof`."""
