"""What the slices' GraphQL is written with."""
