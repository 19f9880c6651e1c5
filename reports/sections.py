"""The sections that are words and tables: tiles, references, edge list, rerun, setup."""

from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.blocks import TableBlock
from reports.comparison import GLYPHS, Comparison, compare
from reports.figures.arrows import fits
from reports.figures.clipping import HEAVY
from reports.headline import Headline, headline
from reports.pruned import saved_seconds
from reports.run import Run, number
from reports.scores import degenerate, finished, scale_of
from reports.wording import axis_name, count, decimals, f1, shd, significant

MOST_EDGES = 100
NAME_LENGTH = 48


@dataclass(frozen=True)
class Tile:
    """A number, what it is, and what to compare it with."""

    label: str
    value: str
    reference: str


def tiles(run: Run) -> list[Tile]:
    """Collect the tiles, each with its reference."""
    head = headline(run)
    empty, dense, judged = degenerate(run)
    ratio = run.trials.number("avg_grad_clip_ratio")
    ratio = ratio[np.isfinite(ratio)]
    heavy = int((ratio > HEAVY).sum())
    saved = saved_seconds(run)
    pruned = run.having("pruned") / run.trials.rows if run.trials.rows else float("nan")
    return [
        *(_scored_tiles(run, head) if head is not None else []),
        Tile(
            "Trials",
            f"{run.trials.rows:,}",
            f"{run.having('complete'):,} complete, {run.having('pruned'):,} pruned, {run.having('failed'):,} failed",
        ),
        Tile(
            "Pruned",
            wording.share(pruned),
            f"saved about {wording.duration(saved)}" if saved > 0 else "of all trials",
        ),
        Tile(
            "Degenerate graphs",
            f"{empty + dense:,}",
            f"of {judged:,} at cut 0.5: {empty:,} empty, {dense:,} dense" if judged else "no graph",
        ),
        Tile(
            "Clipping over 50 %",
            wording.share(heavy / len(ratio)) if len(ratio) else wording.NO_VALUE,
            f"{heavy:,} of {count(len(ratio), 'trial')}; 0 % is best" if len(ratio) else "not recorded",
        ),
    ]


def _scored_tiles(run: Run, head: Headline) -> list[Tile]:
    if not run.has_truth:
        values = finished(run, "blind_score")
        middle = float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")
        return [
            Tile(
                "Blind score of the pick",
                significant(number(run.best, "blind_score"), 4),
                f"median of the complete trials {significant(middle, 4)}",
            ),
            Tile("Edges learned", f"{head.edges:,.0f}", f"of {run.pairs:,} possible; true number unknown"),
        ]
    references = [f"empty graph {shd(head.empty)}"] if np.isfinite(head.empty) else []
    scores = [f"chance {f1(head.chance_f1)}"] if np.isfinite(head.chance_f1) else []
    if head.baseline is not None:
        references.append(f"{head.baseline.label} {shd(head.baseline.shd)}")
        scores.append(f"{head.baseline.label} {f1(head.baseline.f1)}")
    return [
        Tile(
            "Best SHD (oracle)" if head.scale.oracle else "SHD of the blind pick",
            shd(head.shd),
            "; ".join(references) or "no reference recorded",
        ),
        Tile(
            "Its F1 (oracle)" if head.scale.oracle else "Its F1 (blind)",
            f1(head.f1),
            "; ".join(scores) or "no reference recorded",
        ),
        Tile("Edges learned / true", f"{head.edges:,.0f} / {head.true_edges:,.0f}", "empty graph 0"),
    ]


def edge_list(found: Comparison | None) -> TableBlock | None:
    """List the edges of the best graph, wrong ones first where not all fit, else the strongest first."""
    if found is None or not found.links:
        return None
    links = list(found.links)
    total = len(links)
    if total > MOST_EDGES:
        links = sorted(links, key=lambda link: link.kind in {"correct", "learned"})[:MOST_EDGES]
    learned, missing = int(found.learned.sum()), found.having("missing")
    edges = f"{learned:,} learned and {count(missing, 'missing edge')}" if missing else count(learned, "edge")
    shown = f"{edges}, strongest first." if total <= MOST_EDGES else f"{len(links)} shown of {edges}, wrong ones first."
    rows = [
        (
            wording.label(found.names[link.cause], NAME_LENGTH),
            wording.label(found.names[link.effect], NAME_LENGTH),
            decimals(link.strength, 3),
            f"{GLYPHS[link.kind]} {link.kind}".strip(),
        )
        for link in links
    ]
    caption = f"{shown} Strength A above {significant(found.cut)} counts as an edge."
    return TableBlock(caption, ("cause", "effect", "strength A", "verdict"), rows)


def graph_note(run: Run) -> str:
    """Say why something of the best graph is not drawn; empty where all is."""
    found = compare(run)
    if found is None:
        return "No graph was saved: there is no best/adjacency.csv in the run folder."
    if not fits(found):
        return (
            f"{count(len(found.names), 'variable')} and {count(len(found.links), 'edge')} would make a tangle of "
            "arrows, so the graph is shown as a grid and a list only."
        )
    return ""


def rerun_words(run: Run) -> str:
    """Say what the rerun command will reproduce."""
    if run.best is None:
        return ""
    swept = [name for name in (run.settings.get("space") or {}) if np.isfinite(number(run.best, str(name)))]
    settings = ", ".join(f"{axis_name(str(name))} {significant(number(run.best, str(name)), 4)}" for name in swept)
    scale = scale_of(run)
    result = [count(number(run.best, scale.edges), "edge")]
    if run.has_truth:
        result = [f"SHD {shd(number(run.best, scale.shd))}", f"F1 {f1(number(run.best, scale.f1))}", *result]
    weights = run.best.get("weights_hash")
    proof = f" and weights with the hash {weights}" if weights else ""
    return (
        f"Trains trial {number(run.best, 'number'):.0f} again with seed {number(run.best, 'seed'):.0f}"
        f"{f' and its settings ({settings})' if settings else ''}. "
        f"On the same machine with the same data and versions it must give {wording.listing(result)}{proof}, "
        "bit for bit; otherwise it says which of them changed."
    )
