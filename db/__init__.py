"""Keeps it: tables, engine, sessions, queries."""
