"""The core's door: HTTP over a Unix socket, for consoles and scripts."""
