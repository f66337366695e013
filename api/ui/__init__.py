"""The web pages: an application of its own, mounted beside the API, over the same services."""
