"""Everything that is tried by machines, a room of tests for each room of code."""
