"""A user's whole paths; a package, so that its running house ends with its last test."""
