"""Xiaohongshu shop (小红书)."""
