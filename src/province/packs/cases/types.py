"""This pack has no types of its own: `Task` and `WorkingYear` stand in the shared vocabulary."""
