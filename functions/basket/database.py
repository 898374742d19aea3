"""The group's connection as role `basket`, and its kept answers."""

from basket.tables import idempotency as kept_answers
from eatit.database import Database
from eatit.http.idempotency import Idempotency
from eatit.outbox import publish_at_once

database = Database("basket", after_commit=publish_at_once)
idempotency = Idempotency(database, kept_answers)
