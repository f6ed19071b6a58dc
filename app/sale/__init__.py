"""An event on sale: what it is, who waits for it, and who comes in."""
