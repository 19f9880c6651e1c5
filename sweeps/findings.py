"""What one pass over the settings found: all errors, and where each setting was given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from core.errors import InputError, InputErrors
from sweeps.nearest import nearest
from sweeps.nodes import Node, Where, shorten

LIST_HINT = "--show-config lists all settings"

T = TypeVar("T")


@dataclass
class Findings:
    """What was found in one pass over the settings: the errors, and where each setting was given.

    Args:
        known: the names of each section's settings.
    """

    known: Mapping[str, tuple[str, ...]]
    errors: list[InputError] = field(default_factory=list)
    given: dict[str, Node] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    def read(self, name: str, node: Node, reader: Callable[[Node], T], default: T) -> T:
        """Read one setting; an error is kept and the default stands in for the rest of the pass."""
        self.given[name] = node
        try:
            return reader(node)
        except InputError as error:
            self.errors.append(error)
            self.wrong.add(name)
            return default

    def right(self, *names: str) -> bool:
        """None of these settings was wrong by itself, so that comparing them says something new."""
        return self.wrong.isdisjoint(names)

    def subject(self, *names: str) -> str:
        """The first name, and where the comparison of these settings was upset: an argument, else a line."""
        given = [(name, self.given[name].where) for name in names if name in self.given]
        for name, where in sorted(given, key=lambda pair: pair[1].line > 0):
            return where.of(name) if name == names[0] else f"{where.place}: {names[0]}"
        return names[0]

    def unknown(self, name: str, where: Where, kind: str = "setting") -> None:
        """Keep an error for a name that does not exist, with the name that was probably meant."""
        message = f"unknown {kind} `{shorten(name)}` in {where.place}"
        meant = " or ".join(f"`{known}`" for known in self._meant(name))
        self.errors.append(InputError(message, f"did you mean {meant}? {LIST_HINT}" if meant else LIST_HINT))

    def raise_all(self) -> None:
        """Raise what was found: nothing, the one error, or all of them together."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputErrors(self.errors)

    def _meant(self, name: str) -> list[str]:
        """Known names most like this one: the same name elsewhere, else one of its section, else any."""
        section, _, leaf = name.rpartition(".")
        homes = self._homes(leaf)
        if homes:
            return homes
        close = nearest(leaf, list(self.known.get(section, ()))) if section else ""
        if close:
            return [close]
        sections = [known for known in self.known if known and not section]
        close = nearest(leaf, [*sections, *(known for names in self.known.values() for known in names)])
        return [close] if close in sections else self._homes(close)

    def _homes(self, leaf: str) -> list[str]:
        return [f"{section}.{leaf}".lstrip(".") for section, names in self.known.items() if leaf in names]
