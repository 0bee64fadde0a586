"""Kashangwl (卡商网): direct top-ups."""
