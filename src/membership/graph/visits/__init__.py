"""Visits in GraphQL."""
