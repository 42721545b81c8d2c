"""Gifts in GraphQL."""
