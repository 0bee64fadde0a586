"""Kuaishou shop (快手小店)."""
