"""`relance doctor`: what is wrong with this installation, in words."""
