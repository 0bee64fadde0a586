"""Xianguanjia (闲管家): Xianyu shops by the open platform and as a virtual supplier."""
