"""One profile for all generated examples: the same ones on every machine, and no clock that judges a busy one.

``KEYDESK_EXPLORE=N`` draws N fresh ones instead; what it finds becomes a test of its own.
"""

import os

from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=int(os.environ.get("KEYDESK_EXPLORE") or 100))
settings.load_profile("explore" if os.environ.get("KEYDESK_EXPLORE") else "fixed")
