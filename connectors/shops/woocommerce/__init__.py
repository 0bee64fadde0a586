"""WooCommerce shops through their REST API v3."""
