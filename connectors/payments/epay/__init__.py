"""Epay (易支付): the protocol of many small payment gateways."""
