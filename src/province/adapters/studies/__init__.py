"""Planning studies on their way in and out: layers from files, problems, outcomes as files and reports."""
