"""The routes of /basket, one file a path."""
