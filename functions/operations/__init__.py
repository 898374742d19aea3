"""What keeps a deployment going: migrations, the outbox relay, upkeep."""
