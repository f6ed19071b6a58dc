"""What all tests have in common: waiting, the stack, a world apart from it, a sale and its buyers."""
