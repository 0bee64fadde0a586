"""Weidian through its open platform."""
