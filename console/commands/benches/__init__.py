"""The benches that need more than the core: whole processes, a terminal, the practice world."""
