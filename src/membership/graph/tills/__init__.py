"""Tills in GraphQL."""
