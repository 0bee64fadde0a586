"""Youzan through its open platform."""
