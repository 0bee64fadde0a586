"""Weidian (微店)."""
