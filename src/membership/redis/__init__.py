"""Redis 7 or Valkey 8, standalone or Cluster. Never the only home of a fact: a loss costs time, not data."""
