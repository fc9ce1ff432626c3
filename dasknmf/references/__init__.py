"""Decompositions to put beside NMF: the best one of its rank, hard modules, and what random columns say."""
