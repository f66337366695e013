"""`relance secrets`: the keys that protect stored credentials."""
