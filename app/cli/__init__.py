"""ticketcraze: the command line for those who run a sale."""
