"""Waitlist in GraphQL."""
