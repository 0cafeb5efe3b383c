"""All outward I/O: files, mail, foreign APIs and their simulators."""
