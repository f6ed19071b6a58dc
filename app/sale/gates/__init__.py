"""Who may join, and where they stand: codes, accounts, work."""
