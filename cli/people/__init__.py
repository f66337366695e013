"""`relance people`: lets people in who cannot get in."""
