"""The books: what has to hold between the tables, whatever happened; `operations.check_books` looks whether it does."""
