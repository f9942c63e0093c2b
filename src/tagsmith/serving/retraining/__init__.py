"""Models trained from the labelled sentences: the process that trains, and which version is in service."""
