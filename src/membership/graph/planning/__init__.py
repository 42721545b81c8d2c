"""Planning in GraphQL."""
