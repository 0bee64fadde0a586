"""JD: the open platform (JOS), and the two protocols in which JD calls the merchant (game cards, general trade)."""
