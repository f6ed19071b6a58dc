"""What an organiser's browser asks for."""
