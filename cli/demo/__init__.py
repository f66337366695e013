"""The demo: a whole campaign against the simulated platform, judged by the platform's own log."""
