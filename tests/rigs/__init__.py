"""Real servers and hosts for the proofs, each started here and ended by whoever started it."""
