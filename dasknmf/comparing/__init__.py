"""Algorithms side by side: what W and Hᵀ have to do with each other, over restarts and kinds of network."""
