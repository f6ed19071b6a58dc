"""Tickets: their codes, the documents that show them, and the door that lets one in."""
