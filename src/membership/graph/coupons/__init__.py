"""Coupons in GraphQL."""
