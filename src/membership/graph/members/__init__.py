"""Members in GraphQL."""
