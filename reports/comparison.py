"""The best graph against the true one, edge by edge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.columns import Floats
from reports.run import Run
from reports.scores import best_cut

Bools = NDArray[np.bool_]
GLYPHS = {
    "correct": "\N{CHECK MARK}",
    "extra": "+",
    "missing": "\N{MINUS SIGN}",
    "reversed": "\N{RIGHTWARDS ARROW OVER LEFTWARDS ARROW}",
    "learned": "",
}
KINDS = ("correct", "extra", "missing", "reversed", "learned")


@dataclass(frozen=True)
class Link:
    """One edge: of the learned graph, or a true one that is missing from it."""

    cause: int
    effect: int
    strength: float
    kind: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """The best graph, and the true one where it is known.

    Args:
        names: d variable names.
        adjacency: (d, d) strengths, [i, j] is i -> j.
        learned: (d, d) bool, `adjacency > cut`.
        truth: (d, d) bool or None.
        links: every edge to tell about, strongest first.
    """

    names: tuple[str, ...]
    adjacency: Floats
    learned: Bools
    truth: Bools | None
    cut: float
    links: tuple[Link, ...]

    def having(self, kind: str) -> int:
        """Count the edges of a kind."""
        return sum(link.kind == kind for link in self.links)


def compare(run: Run) -> Comparison | None:
    """Compare the best graph with the truth; None where no graph was saved."""
    if run.adjacency is None:
        return None
    cut = best_cut(run)
    learned = run.adjacency > cut
    return Comparison(
        run.names, run.adjacency, learned, run.truth, cut, tuple(_links(run.adjacency, learned, run.truth))
    )


def kind_of(i: int, j: int, learned: Bools, truth: Bools | None) -> str:
    """Name what is so about i -> j: correct, extra, missing, reversed, learned (no truth known), or nothing.

    A learned edge counts as reversed where the truth has only the other direction and that was not learned;
    the true edge it stands for is then not missing as well, so that one wrong pair is told once.
    """
    if truth is None:
        return "learned" if learned[i, j] else ""
    if learned[i, j]:
        if truth[i, j]:
            return "correct"
        return "reversed" if truth[j, i] and not learned[j, i] else "extra"
    if truth[i, j]:
        return "" if learned[j, i] and not truth[j, i] else "missing"
    return ""


def _links(adjacency: Floats, learned: Bools, truth: Bools | None) -> list[Link]:
    drawn = learned if truth is None else learned | truth
    links = []
    for i, j in np.argwhere(drawn).tolist():
        kind = kind_of(i, j, learned, truth)
        if kind:
            links.append(Link(i, j, float(adjacency[i, j]), kind))
    return sorted(links, key=lambda link: (-link.strength, link.cause, link.effect))
