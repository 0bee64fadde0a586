"""Vendure shops through the Admin GraphQL API."""
