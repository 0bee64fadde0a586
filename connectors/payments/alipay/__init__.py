"""Alipay (支付宝)."""
