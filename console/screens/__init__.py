"""The desk and what opens over it."""
