"""The platforms as a real local HTTP server, to try Relance with no account and for tests; imports nothing of ours."""
