"""Tests of the console: real HTTP over a Unix socket, scripted keys, pictures, a real pty."""
