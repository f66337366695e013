"""One file for each fault: what is broken, how often, and what must hold afterwards."""
