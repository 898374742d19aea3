"""The group's connection, as role `auth`."""

from eatit.database import Database
from eatit.outbox import publish_at_once

database = Database("auth", after_commit=publish_at_once)
