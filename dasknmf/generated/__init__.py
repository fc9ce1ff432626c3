"""Networks that are a formula and a seed: every tile is made when it is needed, and none is stored."""
