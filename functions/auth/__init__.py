"""Sign-in: accounts, sessions, tokens and their keys."""
