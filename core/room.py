"""Settings of a simulation that do not fit each other: said once, for the settings reader and the simulation."""

from dataclasses import fields
from typing import NamedTuple

from core.config import DataConfig

NO_NOISE_ASKED = (next(item.default for item in fields(DataConfig) if item.name == "noise"), 1.0)


class Misfit(NamedTuple):
    """Settings that do not fit each other.

    names: the settings of the section `data` compared, without `data.`; the first is the one to change.
    rule: what the first must be and what it is, to follow its name.
    hint: what to type.
    """

    names: tuple[str, ...]
    rule: str
    hint: str


def misfit(data: DataConfig) -> Misfit | None:
    """Return the first settings of a built-in simulation that do not fit each other; None if all fit.

    An acyclic graph of d variables has room for d (d - 1) / 2 edges. Edges that close cycles come on top;
    each runs against a path of the others, so that there is room for all of them if they are at most half
    of the edges: d (d - 1) at most in all.
    """
    room = data.variables * (data.variables - 1) // 2 + data.cycles
    if data.name == "sem" and data.cycles:
        return Misfit(
            ("cycles", "name"), f"must be 0 for sem, whose rows have no time for feedback, got {data.cycles}",
            "for feedback over time: --data sensors",
        )  # fmt: skip
    if data.name == "sem" and data.noise not in NO_NOISE_ASKED:
        return Misfit(
            ("noise", "name"), f"has no meaning for sem, whose columns are standardised, got {data.noise:g}",
            "leave it out; --set data.noise_kind=unequal gives every variable a noise of its own",
        )  # fmt: skip
    if data.cycles > data.edges // 2:
        return Misfit(
            ("cycles", "edges"),
            f"must be {data.edges // 2} or less, half of data.edges ({data.edges}), got {data.cycles}",
            f"--set data.cycles={data.edges // 2}, or --set data.edges={2 * data.cycles}",
        )
    if data.edges > room:
        closing = f" of which {data.cycles} close cycles" if data.cycles else ""
        return Misfit(
            ("edges", "variables", "cycles"),
            f"must be {room} or less for {data.variables} variables{closing}, got {data.edges}",
            f"--set data.edges={min(data.variables, room)}, or more variables",
        )
    return None
