"""The organisers' accounts, on real servers."""
