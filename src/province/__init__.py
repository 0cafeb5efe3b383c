"""Province: the open-source platform on which a province runs its digital life."""

__version__ = "0.1.0"
