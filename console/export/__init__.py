"""Orders, timelines and evidence as files: how cells are written, and how a file comes to its place."""
