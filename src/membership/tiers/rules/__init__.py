"""Pure decisions about tiers: `standing.fold` is the heart, the other modules are its parts or read its result."""
