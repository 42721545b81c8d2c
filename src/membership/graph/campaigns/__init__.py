"""Campaigns in GraphQL."""
