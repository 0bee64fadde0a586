"""Payment gateways: providers that speak the real protocols over real HTTP, and everything a forger would try."""
