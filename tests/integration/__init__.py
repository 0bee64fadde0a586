"""Connectors against real servers, out of public packages. Not part of the normal suite."""
