"""Figures, each a function of a Dataset that returns its Axes."""
