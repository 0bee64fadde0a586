"""Adapters to shops, payments and channels: know core.model and core.ports only."""
