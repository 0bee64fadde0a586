"""One package a platform: signing, mapping, and the shop that implements core.ports.Shop."""
