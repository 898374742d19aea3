"""The servers of the local stack, a room for each: how it is started, when it is ready, how it is ended."""
