"""The fault drill: breaks a stack of its own in every way that it must survive, and asks the platform's log."""
