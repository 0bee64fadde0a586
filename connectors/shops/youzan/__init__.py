"""Youzan (有赞)."""
