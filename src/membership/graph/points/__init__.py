"""Points in GraphQL."""
