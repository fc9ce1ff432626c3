"""Analyses of fits: xarray in, xarray or tables out."""
