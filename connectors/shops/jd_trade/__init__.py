"""JD's general trade (通用交易, VTP): JD calls the merchant with each paid order, keys go back by a call of ours."""
