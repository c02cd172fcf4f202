"""A simulated Crustdata: people by address and by search, and what the account used."""
