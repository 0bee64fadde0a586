"""Agiso (阿奇索): orders of several platforms through one aggregator."""
