"""The practice world: plays shops, payment provider and mailboxes over real sockets, and keeps the ledger of truth.

It shares no code with the real connectors, not even signing: a mistake made twice would vouch for itself.
"""
