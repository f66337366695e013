"""Does it: the ports of the workflows, by asking connectors and the database."""
