"""The engine: knows no screen and no platform."""
