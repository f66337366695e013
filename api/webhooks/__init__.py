"""Where platforms come in: verified, stored once, then processed."""
