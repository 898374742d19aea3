"""Ids are UUIDv7: they sort by the time they were made, and never meet."""

import time

from eatit.identifiers import uuid7


def test_ids_are_version_seven_and_of_their_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(2000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}
    assert all(before <= each.int >> 80 <= after for each in made)


def test_later_ids_sort_after_earlier_ones() -> None:
    one = uuid7()
    deadline = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= deadline:
        pass
    assert uuid7() > one
