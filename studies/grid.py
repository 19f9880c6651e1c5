"""A grid of settings: which of its points a run still has to try, whatever was tried before."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from studies.records import FAILED
from sweeps.space import Choices, Space

Point = dict[str, float]


class Grid:
    """The points of a grid, and the queue of those that are still to be asked for.

    `--trials` counts points, those of earlier commands included. A point is tried once; one that failed is
    tried once more when the command is given again after the search has ended: as a new trial, with a seed of
    its own and on top of `--trials`, because the same seed would fail in the same way, and a failed trial has
    told nothing of its point. A search that was cut off goes on as if it had not been, so what it ends with
    does not depend on where it was cut.

    Args:
        space: lists of values only.
    """

    def __init__(self, space: Space) -> None:
        self.values = {name: list(entry.values) for name, entry in space.items() if isinstance(entry, Choices)}
        self.points: list[Point] = [
            dict(zip(self.values, point, strict=True)) for point in product(*self.values.values())
        ]
        self.new: list[Point] = list(self.points)
        self.again: list[Point] = []
        self.tried: set[tuple[float, ...]] = set()

    def key(self, point: Point) -> tuple[float, ...]:
        """Return what tells a point from another."""
        return tuple(float(point[name]) for name in self.values)

    def plan(
        self, trials: int, attempts: Iterable[tuple[Point, str]] = (), saved: dict[str, Any] | None = None
    ) -> None:
        """Queue what is left: points never tried, in the grid's order, then those that failed once.

        Args:
            trials: points that the run may try in all.
            attempts: (point, state) of every trial so far, running ones included.
            saved: what `state` returned when they were saved; without it the search had not ended.
        """
        states: dict[tuple[float, ...], list[str]] = {}
        for point, state in attempts:
            states.setdefault(self.key(point), []).append(state)
        self.tried = set(states)
        left = [point for point in self.points if self.key(point) not in states]
        self.new = left[: max(0, trials - len(states))]
        waiting = [self.key(point) for point in (saved or {}).get("again", [])]
        if saved and saved["ended"]:
            waiting = [point for point, known in states.items() if known == [FAILED]]
        self.again = [point for point in self.points if self.key(point) in waiting]

    def __len__(self) -> int:
        """Return how many trials are still to be asked for."""
        return len(self.new) + len(self.again)

    def size(self) -> int:
        """Return the number of different points: those of the grid, and those tried when it had other values."""
        return len(self.tried | {self.key(point) for point in self.points})

    def take(self) -> Point:
        """Return the next point and take it off the queue."""
        return (self.new or self.again).pop(0)

    def state(self, *, running: bool) -> dict[str, Any]:
        """Return what `plan` needs to go on in another process, as plain types."""
        return {"again": self.again, "ended": not running and len(self) == 0}
