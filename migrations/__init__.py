"""Moves the schema."""
