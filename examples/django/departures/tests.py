"""Run by `devshell run test`, in a database of its own that Django makes and drops."""

from typing import ClassVar

from django.test import TestCase

from departures import views


class NextTest(TestCase):
    """The question the board asks."""

    #: A number that no other database of this Redis uses.
    other: ClassVar = 9

    def setUp(self) -> None:
        """Count elsewhere than the running project does."""
        before = views.counter
        views.counter = views.redis.Redis.from_url(views.settings.REDIS_URL, db=self.other)
        self.addCleanup(setattr, views, "counter", before)
        self.addCleanup(views.counter.flushdb)

    def test_the_next_one_leaves_after_the_time_asked(self) -> None:
        """The first of the day comes after the last."""
        for after, ferry in (("09:00", "Petrel"), ("09:20", "Petrel"), ("12:00", "Mergulhão"), ("23:00", "Mergulhão")):
            self.assertEqual(self.client.get("/api/next", {"after": after}).json()["ferry"], ferry, after)

    def test_questions_are_counted(self) -> None:
        """Redis counts, and starts at one."""
        self.assertEqual([self.client.get("/api/next").json()["asked"] for _ in range(3)], [1, 2, 3])

    def test_what_is_no_time_is_refused(self) -> None:
        """With words, and without counting it."""
        self.assertEqual(self.client.get("/api/next", {"after": "noon"}).status_code, 400)
        self.assertFalse(views.counter.exists("asked"))

    def test_the_board_escapes_what_it_shows(self) -> None:
        """A route may have any name."""
        self.assertContains(self.client.get("/"), "<td>12:00</td><td>Old Mole &amp; Quay</td><td>Mergulhão</td>")
