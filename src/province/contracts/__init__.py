"""Exchange between agencies."""
