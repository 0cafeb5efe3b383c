"""Numerical kernels on arrays. Knows no entity."""
