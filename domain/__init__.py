"""Says what things are: pure data, pure functions, errors and ids."""
