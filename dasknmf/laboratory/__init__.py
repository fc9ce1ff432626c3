"""The symmetry laboratory: why W is not Hᵀ though A = Aᵀ, measured, tested and put beside controls."""
