"""What a buyer's browser asks for."""
