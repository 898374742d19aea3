"""What keeps a deployment going: migrations, the outbox relay, upkeep, and the check of its books."""
