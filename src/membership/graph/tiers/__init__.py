"""Tiers in GraphQL."""
