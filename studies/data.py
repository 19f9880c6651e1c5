"""The data of a sweep, by the settings: a simulation, or files read before anything slow is imported."""

import hashlib
from dataclasses import replace

from core.config import DataConfig
from core.delimited import shown
from core.errors import InputError
from core.graph_reader import find_cycle, read_graph
from core.readers import read_table
from core.simulate import BUILT_IN, simulate
from core.tables import Table
from sweeps.spec import SweepSpec


def load_table(config: DataConfig) -> Table:
    """Return the table that the settings name, with the graph given beside it, if any.

    Args:
        config: the `data.` settings.

    Raises:
        InputError: the file or the graph cannot be used; says where and why.
    """
    table = simulate(config) if config.name in BUILT_IN else read_table(config.name, config)
    if not config.graph:
        return table
    truth = read_graph(config.graph, table.names)
    both = hashlib.sha256(table.sha256.encode() + truth.tobytes()).hexdigest()
    return replace(table, truth=truth, sha256=both)


def check_cycle(spec: SweepSpec, table: Table) -> str:
    """Return a line about the true graph's cycle, if it has one; empty otherwise.

    Raises:
        InputError: the rows have no time, where a cyclic graph means nothing.
    """
    cycle = None if table.truth is None else find_cycle(table.truth)
    if cycle is None:
        return ""
    path = " -> ".join(shown(table.names[node]).strip("`") for node in [*cycle, cycle[0]])
    if spec.trainer.max_lag == 0:
        raise InputError(
            f"{spec.data.graph or table.source}: the graph has a cycle ({path}), and rows without time cannot have one",
            "remove an edge of it, or give rows in the order of time: --set trainer.max_lag=1",
        )
    return f"data       the true graph has a cycle, {path}: possible, as effects take time"


def resolve_objective(spec: SweepSpec, table: Table) -> str:
    """Return val_shd or blind: what was asked for, else by whether a true graph is known.

    Raises:
        InputError: val_shd without a true graph.
    """
    if spec.trainer.plateau == "val_shd" and table.truth is None:
        raise InputError(
            f"trainer.plateau val_shd needs a true graph, and none is given for {table.source}", "add --graph FILE.csv"
        )
    if spec.search.objective == "val_shd" and table.truth is None:
        raise InputError(
            f"val_shd needs a true graph, and none is given for {table.source}",
            "add --graph FILE.csv, or search without one: --objective blind",
        )
    return spec.search.objective or ("blind" if table.truth is None else "val_shd")
