"""Nested gene associations: factors of factors, three ways down, and what each level keeps."""
