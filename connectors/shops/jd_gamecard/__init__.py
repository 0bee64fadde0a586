"""JD's game-card platform (card.jd.com): JD calls the merchant with each paid order, keys go back by a call of ours."""
