"""Rules: conditions in CEL over an order's facts; effects on priority, tag, holds and automation. Errors hold."""
