"""HTTP: the GraphQL endpoint, who calls, and whether the service is alive and ready."""
