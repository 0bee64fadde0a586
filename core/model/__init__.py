"""Types and tables of the trade: orders, money, time, keys, effects, the life-cycle. Pure; no I/O."""
