"""Pure decisions about campaigns: when they are open, whether what they say makes sense, which step may follow."""
