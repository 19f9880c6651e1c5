"""How often each edge returns on fresh seeds: what tells a user without a true graph which edges to trust."""

import unicodedata
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import BAD, CORRECT, GROUND, INK, PRUNED, SOFT
from reports.columns import Floats
from reports.comparison import GLYPHS
from reports.drawing import Plot, new_figure
from reports.run import Run
from reports.scores import scale_of, winner_seeds
from reports.wording import count, either

MOST = 30
NAME_LENGTH = 18
COLOUR = {"correct": CORRECT, "extra": BAD, "missing": PRUNED, "learned": CORRECT}


@dataclass(frozen=True)
class Return:
    """One edge: how often it is in a fresh seed's graph, at the cut that the run is judged by and at the blind one."""

    edge: str
    judged: float
    blind: float
    in_best: bool
    kind: str


@dataclass(frozen=True)
class Returns:
    """Edges, the most frequent first; `n` seeds; `known`: whether a true graph is."""

    edges: list[Return]
    n: int
    oracle: bool
    known: bool

    @property
    def drawn(self) -> list[Return]:
        """The edges that the figure has room for; a true edge that is never found goes before one seldom invented."""
        missing = [edge for edge in self.edges if edge.kind == "missing"][:MOST]
        chosen = [edge for edge in self.edges if edge.kind != "missing"][: MOST - len(missing)]
        return chosen + missing


def collect(run: Run) -> Returns | None:
    """Collect the edges; None where no edge frequencies were recorded."""
    table, oracle = run.returns, scale_of(run).oracle
    n = winner_seeds(run).rows
    blind = table.number("frequency_blind")
    judged = table.number("frequency_oracle") if oracle else blind
    if not n or not np.isfinite(judged).any():
        return None
    names = dict(zip(run.names, wording.labels(run.names, NAME_LENGTH), strict=True))
    pairs = [
        f"{_upright(names.get(cause, cause))} \N{RIGHTWARDS ARROW} {_upright(names.get(effect, effect))}"
        for cause, effect in zip(table.text("cause"), table.text("effect"), strict=True)
    ]
    best, true = ([text == "true" for text in table.text(name)] for name in ("in_sweep_graph", "true"))
    edges = [
        Return(pair, share, plain, kept, _kind(share, real, known=run.has_truth))
        for pair, share, plain, kept, real in zip(pairs, judged.tolist(), blind.tolist(), best, true, strict=True)
    ]
    edges.sort(key=lambda edge: (-edge.judged, edge.kind == "extra", not edge.in_best, -_zero(edge.blind), edge.edge))
    return Returns(edges, n, oracle, run.has_truth)


def _kind(share: float, real: bool, *, known: bool) -> str:
    if not known:
        return "learned"
    return "extra" if not real else "correct" if share > 0 else "missing"


def _upright(name: str) -> str:
    """Keep a name that is read from right to left from turning the arrow beside it around."""
    turned = any(unicodedata.bidirectional(char) in {"R", "AL"} for char in name)
    return f"\N{LEFT-TO-RIGHT MARK}{name}\N{LEFT-TO-RIGHT MARK}" if turned else name


def _zero(share: float) -> float:
    return share if np.isfinite(share) else 0.0


def title(numbers: Returns) -> str:
    """Say how many edges every seed finds, and how many of them are true."""
    always = [edge for edge in numbers.edges if edge.judged == 1]
    ever = sum(edge.judged > 0 for edge in numbers.edges)
    verb = either(len(always), "is", "are")
    cut = "seen at the tuned cut" if numbers.oracle else "seen"
    text = f"{len(always)} of {count(ever, 'edge')} {cut} {verb} in the graph of every fresh seed"
    if not numbers.known:
        return text
    right = sum(edge.kind == "correct" for edge in always)
    lost = sum(edge.kind == "missing" for edge in numbers.edges)
    rest = f"; {count(lost, 'true edge')} never found" if lost else ""
    return f"{text}, {right} of them true{rest}"


def plot(run: Run) -> Plot | None:
    """Draw the section's second figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    edges = numbers.drawn
    figure = new_figure(0.85 + 0.19 * len(edges))
    draw(figure.add_subplot(), numbers)
    figure.draw_without_rendering()  # one layout is not enough for labels as long as these
    cut = "at the cut tuned on the true graph (oracle)" if numbers.oracle else "at the blind cut"
    parts = [f"Share of {count(numbers.n, 'fresh seed')} whose graph has the edge, {cut}"]
    parts.append(
        "; the small mark is the blind pick's, at the cut that never saw the truth. " if numbers.oracle else ". "
    )
    parts.append("A filled dot on the right: the edge is in the sweep's best graph.")
    if numbers.known:
        parts.append(" Blue with a check mark: true; orange with a plus: not true; a minus: true but never found.")
    if len(numbers.edges) > MOST:
        parts.append(f" {len(edges)} shown of {count(len(numbers.edges), 'edge')}; all are in confirm/edges.csv.")
    told = "; ".join(f"{edge.edge} {wording.share(edge.judged)}" for edge in edges)
    return Plot("edge_returns", "fresh", title(numbers), "".join(parts), f"{title(numbers)}. {told}.", figure)


def draw(axes: Axes, numbers: Returns) -> None:
    """Draw a bar an edge."""
    edges = numbers.drawn
    rows = np.arange(len(edges))
    shares: Floats = np.array([edge.judged for edge in edges])
    axes.barh(rows, 100 * shares, height=0.66, color=[COLOUR[edge.kind] for edge in edges], zorder=2)
    if numbers.oracle:
        blind = np.array([edge.blind for edge in edges])
        axes.scatter(
            100 * blind[blind > 0], rows[blind > 0], s=16, marker="D", facecolors=GROUND, edgecolors=INK,
            linewidths=0.9, zorder=4, clip_on=False,
        )  # fmt: skip
    kept = np.array([edge.in_best for edge in edges], dtype=np.bool_)
    axes.scatter(np.full(int(kept.sum()), 107.0), rows[kept], s=14, color=INK, zorder=4)
    axes.scatter(np.full(int((~kept).sum()), 107.0), rows[~kept], s=14, facecolors="none", edgecolors=SOFT, zorder=4)
    axes.text(107, -1.0, "in best graph", ha="center", va="center", fontsize=7.5, color=SOFT)
    labels = [f"{edge.edge} {GLYPHS[edge.kind]}".rstrip() for edge in edges]
    axes.set_yticks(rows, labels, color=INK, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 113), ylim=(len(rows) - 0.4, -1.5), xlabel="fresh seeds whose graph has the edge (%)")
    axes.set_xticks([0, 20, 40, 60, 80, 100])
    axes.grid(visible=False, axis="y")
