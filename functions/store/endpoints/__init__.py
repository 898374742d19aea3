"""The routes of /store, one file a thing."""
