"""The two write paths (apply, observe), queries, events, rules and jobs."""
