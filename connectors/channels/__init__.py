"""Ways to reach a buyer beside the platform."""
