"""What open pages are told: news between processes, sockets, and the shapes of answers and frames."""
