"""Crossing: an API that sometimes sends the reply to another request."""

from collections.abc import Mapping
from random import Random
from threading import Lock

from tests.fake.records import GenerationState


class Crossing:
    """The share of polls and POSTs with crossed replies, 0 to 1."""

    def __init__(self, *, polls: float = 0.0, posts: float = 0.0, seed: int = 0) -> None:
        self.crossed_polls = self.crossed_posts = 0
        self._polls, self._posts = polls, posts
        self._random = Random(seed)
        # A separate random source: the polls' order must not change which POSTs are crossed.
        self._random_posts = Random(seed + 1)
        self._lock = Lock()

    def poll(
        self, generations: Mapping[str, GenerationState], asked_id: str
    ) -> GenerationState | None:
        """Return the generation whose state answers a poll, or None for the requested one."""
        with self._lock:
            others = [state for id_, state in list(generations.items()) if id_ != asked_id]
            if not others or self._random.random() >= self._polls:
                return None
            self.crossed_polls += 1
            return self._random.choice(others)

    def post(
        self, generations: Mapping[str, GenerationState], made_id: str
    ) -> GenerationState | None:
        """Return the earlier generation whose reply a POST gets; None for its own."""
        with self._lock:
            ids = list(generations)
            earlier = ids[: ids.index(made_id)]
            if not earlier or self._random_posts.random() >= self._posts:
                return None
            self.crossed_posts += 1
            return generations[self._random_posts.choice(earlier)]


def neighbour(
    generations: Mapping[str, GenerationState], generation_id: str
) -> GenerationState | None:
    """Return the generation made just before another one, else the newest other one."""
    ids = list(generations)
    at = ids.index(generation_id) if generation_id in ids else len(ids)
    others = ids[:at] or ids[at + 1 :]
    return generations[others[-1]] if others else None
