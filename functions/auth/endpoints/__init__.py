"""The routes of /auth, one file each."""
