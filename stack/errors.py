"""The one error a person at the terminal is meant to read."""


class StackError(Exception):
    """Something only a person can put right; its text says what and how."""
