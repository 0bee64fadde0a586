"""Shopify shops through the Admin GraphQL API."""
