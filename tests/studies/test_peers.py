"""Other people's learners: scored like a baseline where installed, named with the reason where not."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from core.data import TEST, prepare
from core.tables import Table
from reports.run import PEERS
from studies import peers
from studies.peers import Peer, Series, peer_row, peer_rows, series
from studies.run import BASELINE_COLUMNS
from tests.core import small

INSTALLED = importlib.util.find_spec("threadpoolctl") is not None
needs_threadpoolctl = pytest.mark.skipif(not INSTALLED, reason="threadpoolctl is not installed (extra `peers`)")


def table(rows: int = 600) -> Table:
    """Return a pair with a strong effect after one row, 0 -> 1, noise that is not Gaussian, and one dead column."""
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, (rows, 3))
    values[1:, 1] += 2.0 * values[:-1, 0]
    values[:, 2] = 7.0
    truth = np.zeros((3, 3), dtype=bool)
    truth[0, 1] = True
    return replace(small.table(d=3, rows=rows), values=values, truth=truth, segment=np.zeros(rows, dtype=np.int64))


def fake(learn: object, module: str = "numpy") -> Peer:
    """Return a peer that runs what it is given."""
    return Peer("pcmci", "PCMCI", module, "a note", learn)


def test_what_is_not_installed_says_so() -> None:
    """Law: a missing package is a row without scores that names it and how to get it; nothing is raised."""
    config = small.settings()
    data = prepare(table(), config)
    row = peer_row(fake(lambda *_: 1 / 0, "no_such_package"), [], data, config)
    assert row["error"] == "no_such_package is not installed: pip install 'graphsweep[peers]'"
    assert "shd" not in row
    assert set(row) <= set(BASELINE_COLUMNS)


@pytest.mark.parametrize("error", [ValueError("singular\nmatrix"), ZeroDivisionError("by 0"), IndexError("out")])
@needs_threadpoolctl
def test_a_peer_that_raises_has_a_row_without_scores(error: Exception) -> None:
    """Law: a failure on the data is the row's error in one line; a fault of ours is not hidden."""
    config = small.settings()
    data = prepare(table(), config)

    def fails(*_: object) -> np.ndarray:
        raise error

    row = peer_row(fake(fails), series(table(), data, config), data, config)
    assert row["error"] == f"{type(error).__name__}: {' '.join(str(error).split())}"
    assert "shd" not in row

    def ours(*_: object) -> np.ndarray:
        raise AttributeError("a fault of this project")

    with pytest.raises(AttributeError):
        peer_row(fake(ours), series(table(), data, config), data, config)


@needs_threadpoolctl
def test_a_graph_is_put_back_among_the_unusable() -> None:
    """Law: a peer sees the usable variables alone; its graph is scored over all, self-loops left out."""
    config = small.settings()
    data = prepare(table(), config)
    widths: list[int] = []

    def learn(parts: Series, _: int) -> np.ndarray:
        widths.extend(part.shape[1] for part in parts)
        return np.array([[True, True], [False, True]])

    row = peer_row(fake(learn), series(table(), data, config), data, config)
    assert widths == [2]
    assert (row["edge_count"], row["shd"], row["f1"]) == (1, 0, 1.0)
    assert set(row) - {"seconds"} <= set(BASELINE_COLUMNS)


@pytest.mark.parametrize("max_lag", [0, 1])
def test_series_end_at_segments_and_leave_out_test_rows(max_lag: int) -> None:
    """Law: every series is one segment, nothing is missing, and no test row is in any of them."""
    config = small.settings(max_lag=max_lag)
    raw = small.table(rows=240, segments=3, missing=0.1)
    data = prepare(raw, config)
    parts = series(raw, data, config)
    kept = data.split != TEST
    assert sum(len(part) for part in parts) == kept.sum()
    assert [len(part) for part in parts] == ([kept.sum()] if max_lag == 0 else [80, 80, kept.sum() - 160])
    assert all(np.isfinite(part).all() for part in parts)
    together = np.concatenate(parts)
    seen = data.observed[kept]
    np.testing.assert_array_equal(together[seen], data.values[kept][seen])
    hidden = replace(data, values=np.where(kept[:, None], data.values, 99).astype(np.float32))
    for ours, theirs in zip(parts, series(raw, hidden, config), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_report_knows_the_peers() -> None:
    """Law: the names that the report calls another learner are those that are run."""
    assert PEERS == peers.PEERS


@pytest.mark.parametrize("peer", [*peers.LAGGED, *peers.TIMELESS, *peers.ALWAYS], ids=lambda peer: peer.name)
def test_a_peer_finds_an_edge_in_the_right_direction(peer: Peer) -> None:
    """Law: our [i, j] is i -> j whatever the peer's own convention: a strong effect of 0 on 1 is found so."""
    for module in (peer.module, "threadpoolctl"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed (extra `peers`)")
    lagged = peer in peers.LAGGED
    config = small.settings(max_lag=int(lagged))
    raw = table()
    if not lagged:  # the effect acts in the same row
        values = raw.values.copy()
        values[:-1, 1] = values[1:, 1]
        raw = replace(raw, values=values)
    data = prepare(raw, config)
    row = peer_row(peer, series(raw, data, config), data, config)
    assert "error" not in row
    assert (row["edge_count"], row["shd"]) == (1, 0)
    repeated = peer_row(peer, series(raw, data, config), data, config)
    assert {**row, "seconds": 0} == {**repeated, "seconds": 0}


def test_rows_fit_the_data() -> None:
    """Law: with time PCMCI and VARLiNGAM are tried, without it DirectLiNGAM; DAGMA always."""
    for max_lag, expected in ((1, ["pcmci", "var_lingam", "dagma"]), (0, ["direct_lingam", "dagma"])):
        config = small.settings(max_lag=max_lag)
        raw = table(rows=300)
        rows = peer_rows(raw, prepare(raw, config), config)
        assert [row["name"] for row in rows] == expected
        for row in rows:
            assert ("error" in row) != ("shd" in row)
            assert row["oracle"] is False


def test_lags_are_as_many_as_the_regressions_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: with max_lag 3 a peer reads the lags that BIC gives the regressions, and its note says so."""
    read: list[int] = []

    def learn(parts: Series, lags: int) -> np.ndarray:
        read.append(lags)
        return np.zeros((parts[0].shape[1],) * 2, dtype=bool)

    monkeypatch.setattr(peers, "LAGGED", (fake(learn),))
    monkeypatch.setattr(peers, "ALWAYS", ())
    config = small.settings(max_lag=3)
    raw = table()
    late = raw.values.copy()
    late[3:, 1] = late[1:-2, 1]  # the effect comes after three rows
    for values, order in ((raw.values, 1), (late, 3)):
        moved = replace(raw, values=values)
        row = peer_rows(moved, prepare(moved, config), config)[0]
        assert row["note"] == f"a note; lags 1 to {order}, by BIC"
        if INSTALLED:
            assert read.pop() == order
