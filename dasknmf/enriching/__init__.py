"""Factors beside known gene sets, and trees of gene clusters beside a known hierarchy of sets."""
