"""Stores in GraphQL."""
