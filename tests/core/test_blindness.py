"""The true graph steers nothing: it is compared with, by one module, and never learned from."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.config import TrainerConfig
from core.data import Dataset
from core.lanes import Lanes
from core.results import NUMBERS_WITH_TRUTH, Outcome, finish
from core.trainer import Evaluation, advance, start
from tests.core import small

CORE = Path(__file__).parents[2] / "core"
LEARNING = (
    "architecture", "batches", "config", "data", "gradient", "lanes", "losses", "model", "optimizer", "original",
    "parents_only", "scaling", "schedule", "strength",
)  # fmt: skip
SCORES = {"val_f1", "val_shd", "edge_count", "best_threshold", "epoch_time"}


def truths(d: int) -> list[np.ndarray | None]:
    """Return graphs that could not differ more: none, the empty one, all edges, a chain forwards and backwards."""
    chain = np.eye(d, k=1, dtype=bool)
    return [None, np.zeros((d, d), dtype=bool), ~np.eye(d, dtype=bool), chain, chain.T.copy()]


def trained(data: Dataset, config: TrainerConfig) -> tuple[Lanes, list[Evaluation], list[Outcome]]:
    """Train a few restless trials past drops of the rate and the best epoch."""
    lanes, log = start(small.trials(3, lr=0.15), data, config), []
    for _ in range(8):
        lanes, found = advance(lanes, data, config)
        log += found
    return lanes, log, finish(lanes, data, config)


def test_another_true_graph_leaves_every_bit_as_it_is() -> None:
    """Law: beside any truth or none: same weights, moments, rates, counters, kept epoch, losses and blind numbers."""
    config = small.settings(epochs=10, warmup=0.1, plateau_patience=0, patience=2, plateau="val_loss")
    plain = small.dataset(config, missing=0.1)
    runs = [trained(replace(plain, truth=truth), config) for truth in truths(4)]
    base_lanes, base_log, base_outcomes = runs[0]
    assert (base_lanes.plateau.drops > 0).any(), "a schedule worth checking"
    for lanes, log, outcomes in runs[1:]:
        assert small.differing(lanes, base_lanes) == []
        for ours, theirs in zip(log, base_log, strict=True):
            for name in set(Evaluation._fields) - SCORES:
                assert getattr(ours, name) == getattr(theirs, name), name
        for mine, other in zip(outcomes, base_outcomes, strict=True):
            for name in (
                "blind_score",
                "edge_count_blind",
                "val_loss",
                "h",
                "degenerate",
                "weights_hash",
                "best_epoch",
            ):
                assert mine.numbers[name] == other.numbers[name], name
            assert mine.adjacency.tobytes() == other.adjacency.tobytes()
    scores = {tuple(item.val_shd for item in log) for _, log, _ in runs[1:]}
    assert len(scores) >= 3, "the scores themselves do follow the truth"


def test_the_original_schedule_is_the_one_exception() -> None:
    """Law: trainer.plateau val_shd lets the truth steer, as its meaning says; without a truth it is val_loss."""
    config = small.settings(epochs=10, warmup=0.1, plateau_patience=0, plateau="val_shd")
    plain = small.dataset(config)
    chain, none = (trained(replace(plain, truth=truth), config)[0] for truth in (truths(4)[3], None))
    assert small.differing(chain, none) != []
    blind = trained(replace(plain, truth=None), replace(config, plateau="val_loss"))[0]
    assert small.differing(none, blind) == []


def test_blank_numbers_are_exactly_those_that_follow_the_truth() -> None:
    """Law: a number that is given without a truth is the same beside every truth, but for the graph shown."""
    config = small.settings(epochs=10, warmup=0.1)
    plain = small.dataset(config)
    runs = [trained(replace(plain, truth=truth), config)[2] for truth in truths(4)]
    for lane in range(3):
        for name in runs[0][lane].numbers:
            values = {repr(outcomes[lane].numbers[name]) for outcomes in runs}
            if name not in NUMBERS_WITH_TRUTH and name not in ("edge_count", "is_dag", "graph_hash"):
                assert len(values) == 1, name


def uses_of_truth(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Yield every place where an attribute `truth` is read, with the nodes around it, innermost first."""
    around: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            around[child] = node
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "truth":
            outer, chain = around.get(node), []
            while outer is not None:
                chain.append(outer)
                outer = around.get(outer)
            yield node, chain


def called(node: ast.AST) -> str:
    """Return the spelling of a call's function, or nothing."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


@pytest.mark.parametrize("module", LEARNING)
def test_what_learns_never_sees_the_truth(module: str) -> None:
    """Law: no module that learns names the truth, but for `data`, which hands it on unread."""
    tree = ast.parse((CORE / f"{module}.py").read_text())
    uses = list(uses_of_truth(tree))
    if module != "data":
        assert uses == []
        return
    assert uses
    assert all(called(chain[0]) == "Dataset" for _, chain in uses)


@pytest.mark.parametrize("module", ["trainer", "results", "baselines"])
def test_the_truth_goes_to_metrics_and_nowhere_else(module: str) -> None:
    """Law: outside `metrics` the truth is asked for being there, counted, or handed over to be compared with."""
    tree = ast.parse((CORE / f"{module}.py").read_text())
    uses = list(uses_of_truth(tree))
    assert uses
    for node, chain in uses:
        asked = isinstance(chain[0], ast.Compare) and ast.unparse(chain[0]).endswith(("is None", "is not None"))
        compared = any(called(outer).startswith("metrics.") for outer in chain)
        known = isinstance(chain[1], ast.Assign) and ast.unparse(chain[1].targets[0]) == "truth"
        reference = module == "baselines" and any(
            called(outer) in ("oracle_baselines", "expected_chance", "sortability", "int") for outer in chain
        )
        assert asked or compared or known or reference, f"{module}.py:{getattr(node, 'lineno', 0)}"


def test_no_module_of_the_learner_imports_the_metrics_but_to_log() -> None:
    """Law: losses, model and optimiser cannot compare with the truth, for they do not know how."""
    for module in LEARNING:
        imported = [
            ast.unparse(node)
            for node in ast.walk(ast.parse((CORE / f"{module}.py").read_text()))
            if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        assert not any("metrics" in line or "results" in line or "baselines" in line for line in imported), module
