"""Several run folders side by side: which they are, what they are called, and what of them may be compared."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, RunFolderError
from reports import wording
from reports.comparison import Bools, Comparison, compare
from reports.run import Run
from reports.scores import scale_of
from reports.tables import load_run

LETTERS = "ABCDEFGHIJKL"
NAMED = re.compile(r"compare-[0-9a-f]{8}")


@dataclass(frozen=True, eq=False)
class Member:
    """One of the runs compared: its letter on the page, its name there, its folder, and what is in it."""

    letter: str
    name: str
    path: Path
    run: Run

    @property
    def head(self) -> str:
        """Name it at the head of a column."""
        return f"{self.letter}: {wording.label(self.name, 30)}"


@dataclass(frozen=True, eq=False)
class Overlay:
    """Best graphs over one another, in the order of the first one's variables.

    Args:
        members: the n runs whose graphs these are.
        names: d variable names.
        strength: (n, d, d) float64, [run, i, j] is the strength of i -> j.
        learned: (n, d, d) bool, each graph at the cut its run is judged by.
        truth: (d, d) bool where all the runs know the same true graph, else None.
        cuts: the n cuts.
    """

    members: tuple[Member, ...]
    names: tuple[str, ...]
    strength: NDArray[np.float64]
    learned: Bools
    truth: Bools | None
    cuts: tuple[float, ...]

    @property
    def votes(self) -> NDArray[np.int64]:
        """Number of graphs that have i -> j, (d, d)."""
        return np.asarray(self.learned.sum(0), dtype=np.int64)

    def kind(self, cause: int, effect: int) -> str:
        """Say how many of the graphs have an edge: `all`, `some`, `one` or nothing."""
        votes = int(self.votes[cause, effect])
        return "all" if votes == len(self.members) else "some" if votes > 1 else "one" if votes else ""

    def having(self, kind: str) -> int:
        """Count the edges of a kind."""
        low, high = {"all": (len(self.members), len(self.members)), "some": (2, len(self.members) - 1), "one": (1, 1)}[
            kind
        ]
        return int(((self.votes >= low) & (self.votes <= high)).sum())

    def letters(self, cause: int, effect: int) -> str:
        """Give the letters of the runs whose graph has an edge."""
        return "".join(
            member.letter for member, graph in zip(self.members, self.learned, strict=True) if graph[cause, effect]
        )


def load_several(paths: list[Path]) -> tuple[Member, ...]:
    """Read the run folders.

    Raises:
        InputError: a run is given twice, or there are more than can be told apart.
        RunFolderError: one of them is no run folder, incomplete, damaged or of a newer format.
    """
    if len(paths) > len(LETTERS):
        hint = "compare fewer at a time; a suite has a page of its own: python -m reports SUITE"
        raise InputError(f"at most {len(LETTERS)} runs can be compared but got {len(paths)}", hint)
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(f"{path} is given twice", "name each run once")
        seen.add(path.resolve())
        if not (path / "trials.csv").exists() and (
            (path / "suite.json").is_file() or (path / "variants.csv").is_file()
        ):
            raise RunFolderError(
                f"{path} holds many runs, and only single runs can be compared", f"give its runs: {path}/*/"
            )
    runs = [load_run(path) for path in paths]
    return tuple(
        Member(letter, name, path, run)
        for letter, name, path, run in zip(LETTERS, names_of(paths), paths, runs, strict=False)
    )


def without_comparisons(paths: list[Path]) -> list[Path]:
    """Leave out the folders of earlier comparisons, which `runs/*` names too; a folder given alone stays."""
    kept = [path for path in paths if not (NAMED.fullmatch(path.resolve().name) and not (path / "trials.csv").exists())]
    return kept or paths


def names_of(paths: list[Path]) -> list[str]:
    """Name the runs by their folders, with as many of the folders above as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return [wording.clean(name) for name in names]


def default_folder(paths: list[Path]) -> Path:
    """Give the folder that a comparison goes to: beside the first run, named by which runs are compared.

    The same runs in another order have the same folder, and keep it when all of them move together.
    """
    first = paths[0] if paths[0].name not in ("", "..") else paths[0].resolve()
    beside = first.resolve().parent
    named = sorted(Path(os.path.relpath(path.resolve(), beside)).as_posix() for path in paths)
    return first.parent / f"compare-{hashlib.sha256(chr(10).join(named).encode()).hexdigest()[:8]}"


def same_data(members: tuple[Member, ...]) -> bool:
    """Whether all runs are known to have read the same data and to be judged by the same true graph."""
    hashes = {member.run.data.get("sha256") for member in members}
    if len(hashes) > 1 or hashes == {None}:
        return False
    first = members[0].run
    return all(_same_truth(first, member.run) for member in members[1:])


def _same_truth(one: Run, other: Run) -> bool:
    if one.truth is None or other.truth is None or set(one.names) != set(other.names):
        return one.truth is None and other.truth is None
    order = [other.names.index(name) for name in one.names]
    return bool(np.array_equal(one.truth, other.truth[np.ix_(order, order)]))


def same_cut(members: tuple[Member, ...]) -> bool:
    """Whether all runs are judged at the same kind of cut: all oracle, or all blind."""
    return len({scale_of(member.run).oracle for member in members}) == 1


def overlay(members: tuple[Member, ...]) -> Overlay | str:
    """Lay the best graphs over one another, or say why that cannot be done."""
    known = [(member, found) for member in members if (found := compare(member.run)) is not None]
    if len(known) < 2:
        return "Fewer than two of the runs have a graph, so none are laid over one another."
    names = known[0][1].names
    for member, found in known[1:]:
        if set(found.names) != set(names):
            shared = len(set(found.names) & set(names))
            return (
                "The graphs are not laid over one another, because they are of different variables: "
                f"{known[0][0].letter} has {len(names):,}, {member.letter} {len(found.names):,}, of which {shared:,} "
                "are the same."
            )
    parts = [(found, [found.names.index(name) for name in names]) for _, found in known]
    strength = np.stack([found.adjacency[np.ix_(order, order)] for found, order in parts])
    learned = np.stack([found.learned[np.ix_(order, order)] for found, order in parts])
    return Overlay(
        tuple(member for member, _ in known),
        names,
        strength,
        learned,
        _truth(parts),
        tuple(found.cut for found, _ in parts),
    )


def _truth(parts: list[tuple[Comparison, list[int]]]) -> Bools | None:
    """Give the true graph that all the runs know; None where one knows none, or they differ."""
    graphs = [None if found.truth is None else found.truth[np.ix_(order, order)] for found, order in parts]
    first = graphs[0]
    same = first is not None and all(graph is not None and np.array_equal(first, graph) for graph in graphs)
    return first if same else None
