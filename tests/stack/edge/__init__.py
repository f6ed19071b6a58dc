"""The server's edge against clients that are slow, silent, greedy or too many."""
