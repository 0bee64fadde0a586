"""An independent shop whose orders are Stripe PaymentIntents."""
