"""Pinduoduo through its open platform."""
