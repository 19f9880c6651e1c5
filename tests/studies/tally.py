"""Counts what the tests of faults try, so that a test run can say so in one table at its end."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

TALLY: Counter[str] = Counter()
"""Cases `tried` and `passed`, by section; `finished` trials before a fault and `kept` after it; kills, bytes."""


@contextlib.contextmanager
def tried(section: str) -> Iterator[None]:
    """Count a case; it has passed if nothing is raised."""
    TALLY[f"{section} tried"] += 1
    try:
        yield
    except pytest.skip.Exception:
        TALLY[f"{section} tried"] -= 1
        raise
    TALLY[f"{section} passed"] += 1


def keep(before: Sequence[dict[str, str]], after: Sequence[dict[str, str]]) -> None:
    """Count the trials that had ended before a fault, and those that are still there, and want them to be all."""
    lost = [row for row in before if row not in after]
    TALLY["finished"] += len(before)
    TALLY["kept"] += len(before) - len(lost)
    assert not lost


def fault_table(tally: Counter[str]) -> list[str]:
    """Return the table of what was tried, a line for each section and one for all; nothing where nothing was."""
    cases = {key.removesuffix(" tried"): count for key, count in tally.items() if key.endswith(" tried")}
    if not cases:
        return []
    passed = {section: tally[f"{section} passed"] for section in cases}
    lines = [f"{section:<20} {count:>5} cases {passed[section]:>5} passed" for section, count in sorted(cases.items())]
    return [
        *lines,
        f"fault table: {sum(cases.values())} cases, {sum(passed.values())} passed, "
        f"{tally['finished'] - tally['kept']} records lost of {tally['finished']}; "
        f"kills {tally['kills']}, {tally['kills in a write']} in a write, workers killed {tally['workers killed']}; "
        f"fuzzed bytes {tally['bytes']}",
    ]
