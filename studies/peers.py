"""Other people's learners on the same rows, where they are installed: PCMCI, VARLiNGAM (DirectLiNGAM) and DAGMA.

They come with the optional extra `peers`: lingam is under the MIT licence, dagma under Apache 2.0, tigramite
(PCMCI) under the GPL, version 3, which is why none of them is a dependency. Each is run once, at its authors'
defaults (PCMCI's false discoveries held to 1 %, as for the t-tests), on the standardised training and validation
rows with missing values interpolated; none sees the true graph. Those that read lags read as many as BIC gives the
regressions (`core.regression.var_order`), so that a large max_lag of the learner does not weaken them.
"""

import contextlib
import importlib.util
import io
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.baselines import Baseline, scored
from core.config import TrainerConfig
from core.data import TEST, Dataset, interpolate
from core.regression import FALSE_DISCOVERY_RATE, usable_columns, var_order
from core.tables import Table

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Series = list[Floats]  # each (rows, usable variables), unbroken in time

# what a learner raises on data it cannot work with; anything else is a fault of this module, and is not hidden
FAILURES = (ArithmeticError, ImportError, LookupError, RuntimeError, ValueError)
LAMBDA1, WEIGHT_CUT = 0.03, 0.3  # DAGMA's own defaults


class Peer(NamedTuple):
    """A learner of somebody else.

    name, label: for scripts and for people. module: what has to be installed. note: settings and assumptions.
    learn: series and max_lag -> (d', d') bool over the usable variables, [i, j] is i -> j.
    """

    name: str
    label: str
    module: str
    note: str
    learn: Callable[[Series, int], Bools]


def pcmci(series: Series, max_lag: int) -> Bools:
    """Run PCMCI with partial correlations over lags 1 to max_lag (Runge et al. 2019)."""
    from tigramite.data_processing import DataFrame
    from tigramite.independence_tests.parcorr import ParCorr
    from tigramite.pcmci import PCMCI

    frame = DataFrame(dict(enumerate(series)), analysis_mode="multiple")
    learner = PCMCI(dataframe=frame, cond_ind_test=ParCorr(), verbosity=0)
    found = learner.run_pcmci(
        tau_min=1, tau_max=max_lag, pc_alpha=0.2, alpha_level=FALSE_DISCOVERY_RATE, fdr_method="fdr_bh"
    )
    return np.asarray((found["graph"][:, :, 1:] == "-->").any(axis=2))


def var_lingam(series: Series, max_lag: int) -> Bools:
    """Run VARLiNGAM, and keep the lagged effects that its adaptive lasso leaves (Hyvarinen et al. 2010)."""
    from lingam import VARLiNGAM

    learner = VARLiNGAM(lags=max_lag, criterion=None, prune=True, random_state=0)
    learner.fit(max(series, key=len))
    effects = np.asarray(learner.adjacency_matrices_)[1:]  # [lag, effect, cause]
    return np.asarray((effects != 0).any(axis=0).T)


def direct_lingam(series: Series, _: int) -> Bools:
    """Run DirectLiNGAM, whose adaptive lasso prunes (Shimizu et al. 2011)."""
    from lingam import DirectLiNGAM

    learner = DirectLiNGAM(random_state=0)
    learner.fit(np.concatenate(series))
    return np.asarray(learner.adjacency_matrix_.T != 0)


def dagma(series: Series, _: int) -> Bools:
    """Run linear DAGMA on the rows as if they had no time (Bello, Aragam, Ravikumar 2022)."""
    from dagma.linear import DagmaLinear

    weights = DagmaLinear(loss_type="l2").fit(np.concatenate(series), lambda1=LAMBDA1, w_threshold=WEIGHT_CUT)
    return np.asarray(np.abs(weights) > 0)


LAGGED = (
    Peer(
        "pcmci", "PCMCI", "tigramite",
        f"tigramite: partial correlations, pc_alpha 0.2, false-discovery rate {100 * FALSE_DISCOVERY_RATE:g} %", pcmci,
    ),
    Peer("var_lingam", "VARLiNGAM", "lingam", "lingam: lagged effects, on the longest unbroken series", var_lingam),
)  # fmt: skip
TIMELESS = (
    Peer("direct_lingam", "DirectLiNGAM", "lingam", "lingam: assumes noise that is not Gaussian", direct_lingam),
)
ALWAYS = (
    Peer(
        "dagma", "DAGMA", "dagma",
        f"dagma: linear, same row only, lambda1 {LAMBDA1}, weights over {WEIGHT_CUT}", dagma,
    ),
)  # fmt: skip
PEERS = frozenset(peer.name for peer in (*LAGGED, *TIMELESS, *ALWAYS))


def peer_rows(table: Table, dataset: Dataset, trainer: TrainerConfig) -> list[dict[str, Any]]:
    """Return a row of `baselines.csv` for every peer that fits the data (`trainer.max_lag` 0 or more).

    Args:
        table: the raw data, for its segments.
        dataset: the same data prepared for the trainer.
        trainer: max_lag, the largest number of lags that BIC may choose.

    Returns:
        Rows as of `core.baselines.baseline_rows`. A peer that is not installed, or that fails on these data,
        has no scores, and the reason in `error`.
    """
    order = var_order(dataset, trainer)
    lagged = [peer._replace(note=f"{peer.note}; lags 1 to {order}, by BIC") for peer in LAGGED]
    peers = (*(lagged if order > 0 else TIMELESS), *ALWAYS)
    data = series(table, dataset, trainer)
    trainer = replace(trainer, max_lag=order)
    return [peer_row(peer, data, dataset, trainer) for peer in peers]


def peer_row(peer: Peer, data: Series, dataset: Dataset, trainer: TrainerConfig) -> dict[str, Any]:
    """Run one peer and score its graph, or say why there is none."""
    blank = {"name": peer.name, "label": peer.label, "oracle": False, "note": peer.note}
    for module in (peer.module, "threadpoolctl"):
        if importlib.util.find_spec(module) is None:
            return {**blank, "error": f"{module} is not installed: pip install 'graphsweep[peers]'"}
    begin = time.perf_counter()
    try:
        with alone():
            found = peer.learn([part.copy() for part in data], trainer.max_lag)
    except FAILURES as error:
        return {**blank, "error": " ".join(f"{type(error).__name__}: {error}".split())}
    seconds = time.perf_counter() - begin
    usable = np.flatnonzero(usable_columns(dataset))
    graph = np.zeros((len(dataset.names),) * 2, dtype=bool)
    graph[np.ix_(usable, usable)] = found
    np.fill_diagonal(graph, False)
    return scored(Baseline(peer.name, peer.label, graph, False, peer.note, seconds, {}), dataset)


def series(table: Table, dataset: Dataset, trainer: TrainerConfig) -> Series:
    """Return the unbroken series of the usable variables, test rows left out, (rows, usable variables) each.

    Missing values are interpolated inside a series; without time they stand at the mean.
    """
    kept, usable = dataset.split != TEST, usable_columns(dataset)
    values, observed = dataset.values[kept][:, usable], dataset.observed[kept][:, usable]
    if trainer.max_lag == 0:
        return [values.astype(np.float64)]
    segment = table.segment[kept]
    filled = interpolate(values, observed, segment).astype(np.float64)
    return np.split(filled, np.flatnonzero(np.diff(segment)) + 1)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold numerical libraries to one thread, and keep a learner's bars, prints and warnings to itself."""
    from threadpoolctl import threadpool_limits

    with (
        threadpool_limits(1),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
