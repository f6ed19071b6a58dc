"""The life of an order: facts, the rules of its lifecycle, stock, and the books."""
