"""Douyin shop (抖店): its open platform, its push, and the calls it makes to a merchant of top-ups."""
