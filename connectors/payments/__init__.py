"""One package a payment provider: its signatures, and how it is asked what was paid."""
