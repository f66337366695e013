"""`relance backup` and `relance restore`: a copy of all that the embedded stack keeps, and the way back."""
