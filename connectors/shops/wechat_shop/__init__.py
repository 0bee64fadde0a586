"""WeChat shop (微信小店)."""
