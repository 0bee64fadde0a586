"""JD's signatures, as the protocols of this platform's neighbours share them."""

from connectors.jd_wire import WINDOW, seal, sign, sign_gamecard, sign_trade, unseal, verify_gamecard, verify_trade

__all__ = ["WINDOW", "seal", "sign", "sign_gamecard", "sign_trade", "unseal", "verify_gamecard", "verify_trade"]
