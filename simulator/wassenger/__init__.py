"""Wassenger, the WhatsApp gateway, as its public facts describe it."""
