"""For other shops: what guards them with the waiting room. Each file stands alone and is there to be copied."""
