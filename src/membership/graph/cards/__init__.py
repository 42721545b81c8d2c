"""Cards in GraphQL."""
