"""What every EatIt function stands on: settings, database, cache, events and broker, security, observability, HTTP."""
