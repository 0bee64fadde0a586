"""dujiao-next: a card shop that buys from us or sells to us."""
