"""Xiaohongshu (ark) through its open platform."""
