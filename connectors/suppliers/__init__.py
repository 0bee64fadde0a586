"""One package an upstream that sells keys or top-ups to us."""
