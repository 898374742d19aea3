"""The group's connection as role `store`, its cache, its files, and its kept answers."""

from eatit.cache import Cache
from eatit.database import Database
from eatit.files import Files
from eatit.http.idempotency import Idempotency
from eatit.outbox import publish_at_once
from eatit.redis_connection import shared
from store.tables import idempotency as kept_answers

database = Database("store", after_commit=publish_at_once)
cache = Cache("store", shared)
files = Files()
idempotency = Idempotency(database, kept_answers)
