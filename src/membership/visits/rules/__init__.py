"""Pure decisions: which visits could be made, what would mend one that cannot, and how far one is."""
