"""Supervisors of the embedded engines, and the way to external ones."""
