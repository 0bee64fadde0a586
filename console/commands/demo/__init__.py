"""``keydesk demo``: the practice world, a core on a fresh database, and the desk or a headless verdict."""
