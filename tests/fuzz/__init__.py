"""Mutated inputs and stores: each is read right or is one clear error, in bounded memory and time."""
