"""Pieces of SQL that several rooms must say alike."""

# As of when we know an order ``o`` of its shop: its own snapshot, or the last pull that reached the end of the shop's
# lists and would have brought any change of it (UTC us).
KNOWN_AT = "max(o.seen_at, coalesce((SELECT c.caught_up_at FROM cursor c WHERE c.shop = o.shop), 0))"
