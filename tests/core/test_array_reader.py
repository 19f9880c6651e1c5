"""Arrays: NPZ files and folders, masks and labels, and windows merged back into series."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.config import DataConfig
from core.errors import InputError
from core.readers import read_table
from core.tables import Table
from core.windows import merge_windows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))


def npz(folder: Path, **arrays: Any) -> Table:
    """Write an NPZ file and read it."""
    np.savez(folder / "data.npz", **arrays)
    return read_table(str(folder / "data.npz"), DataConfig())


def cut(series: NDArray[np.float64], length: int, stride: int = 1) -> NDArray[np.float64]:
    """Cut a series (n, d) into windows (N, T, d)."""
    return sliding_window_view(series, length, axis=0)[::stride].transpose(0, 2, 1)


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=5),
    length=st.integers(3, 8),
    missing=st.sampled_from([0.0, 0.3]),
    data=st.data(),
)
def test_windows_of_series_merge_back_into_them(
    seed: int, lengths: list[int], length: int, missing: float, data: st.DataObject
) -> None:
    """Law: windows cut at stride s < T from several series give those series back, each a start."""
    stride = data.draw(st.integers(1, length - 2))
    rng = np.random.default_rng(seed)
    series = [rng.normal(size=(length + (2 + extra) * stride, 3)) for extra in lengths]
    for each in series:
        each[rng.random(each.shape) < missing] = np.nan
    merged = merge_windows(np.concatenate([cut(each, length, stride) for each in series]))
    assert merged.stride == stride
    np.testing.assert_array_equal(merged.values, np.concatenate(series))
    assert np.flatnonzero(merged.starts).tolist() == np.cumsum([0, *map(len, series[:-1])]).tolist()


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 5), levels=st.sampled_from([2, 10]))
def test_windows_that_do_not_overlap_stay_apart(seed: int, length: int, levels: int) -> None:
    """Law: chance repeats of a few levels join nothing; every window is a series of its own."""
    rng = np.random.default_rng(seed)
    windows = rng.integers(levels, size=(40, length, 3)).astype(np.float64)
    merged = merge_windows(windows)
    np.testing.assert_array_equal(merged.values, windows.reshape(-1, 3))
    assert merged.starts.sum() == 40


def test_windows_left_out_do_not_break_a_series() -> None:
    """Law: where windows were dropped but the next one still overlaps, the series goes on."""
    series = RNG.normal(size=(40, 3))
    windows = np.delete(cut(series, 10), [5, 6, 20], axis=0)
    merged = merge_windows(windows)
    np.testing.assert_array_equal(merged.values, series)
    assert merged.starts.sum() == 1


def test_a_change_of_one_bit_breaks_a_series() -> None:
    """Law: overlaps are compared exactly, missing cells included."""
    windows = cut(RNG.normal(size=(30, 3)), 6).copy()
    windows[10, 3, 1] = np.nextafter(windows[10, 3, 1], 9)
    windows[20, 2, 0] = np.nan
    assert merge_windows(windows).starts.sum() == 5  # before and after each of the two


def test_merged_windows_say_so(tmp_path: Path) -> None:
    """Law: the note gives windows, length, stride, rows and segments; masks are merged with the values."""
    series = RNG.normal(size=(50, 3))
    observed = RNG.random(series.shape) < 0.8
    windows, mask = cut(series, 12), cut(observed.astype(np.float64), 12)
    table = npz(tmp_path, X=windows, M=mask)
    assert "39 windows of 12 rows at stride 1 merged into 50 rows in 1 segment" in table.notes
    np.testing.assert_array_equal(table.values, np.where(observed, series, np.nan))
    apart = npz(tmp_path, X=windows[::12])
    assert "4 windows of 12 rows do not overlap: each is a segment of its own" in apart.notes
    assert apart.segment.max() == 3


def test_a_change_of_regime_starts_a_segment_and_loses_no_row(tmp_path: Path) -> None:
    """Law: e is no variable; rows stay single where overlapping windows differ in e."""
    series = RNG.normal(size=(30, 3))
    e = np.repeat([0, 1, 0], [10, 9, 7])
    table = npz(tmp_path, X=cut(series, 5), e=e)
    np.testing.assert_array_equal(table.values, series)
    assert table.segment.tolist() == [0] * 14 + [1] * 9 + [2] * 7
    rows = npz(tmp_path, X=series, e=np.repeat(["x", "y"], 15), segment=np.repeat([1, 2, 3], 10))
    assert rows.segment.tolist() == [0] * 10 + [1] * 5 + [2] * 5 + [3] * 10


def test_npz_keys(tmp_path: Path) -> None:
    """Law: names, graph, mask and NaN are used as documented, other keys are named."""
    x = X.copy()
    x[0, 0] = np.nan
    mask = np.ones((6, 3), dtype=int)
    mask[1, 1] = 0
    x[1, 1] = np.inf  # hidden by the mask
    graph = np.zeros((3, 3))
    graph[0, 2] = 1
    names = [" a", "<i>", "=1+1"]
    table = npz(tmp_path, X=x, M=mask, names=np.array(names), A_true=graph, extra=np.ones(2))
    assert table.names == ("a", "<i>", "=1+1")
    assert table.name == "data"
    assert table.truth is not None
    assert np.argwhere(table.truth).tolist() == [[0, 2]]
    assert np.argwhere(np.isnan(table.values)).tolist() == [[0, 0], [1, 1]]
    assert "keys not used: extra" in table.notes
    assert npz(tmp_path, X=X.astype(np.float32)).names == ("x1", "x2", "x3")


GRAPH = np.zeros((3, 3))
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no X": ({"Y": X}, "has no key X (found: Y)"),
    "1-D": ({"X": X[0]}, "X must have shape (rows, variables) or"),
    "4-D": ({"X": X.reshape(1, 2, 3, 3)}, "X must have shape (rows, variables) or"),
    "no rows": ({"X": X[:0]}, "X is empty: its shape is (0, 3)"),
    "one variable": ({"X": X[:, :1]}, "X needs two variables or more but has 1"),
    "text": ({"X": X.astype(str)}, "X must hold numbers but is of type <U"),
    "complex": ({"X": X + 1j}, "X must hold numbers but is of type complex128"),
    "objects": ({"X": X.astype(object)}, "X is an array of Python objects, which is not loaded"),
    "infinite": ({"X": np.where(X[2, 1] == X, np.inf, X)}, "in 1 of 18 values (first: index (2, 1))"),
    "mask of another shape": ({"X": X, "M": X[:2]}, "M must have the shape of X, (6, 3), but got (2, 3)"),
    "mask of weights": ({"X": X, "M": X}, "M must hold 1 where observed and 0 where missing"),
    "mask with NaN": ({"X": X, "M": X * np.nan}, "M must hold 1 where observed and 0 where missing"),
    "names too few": (
        {"X": X, "names": np.array(["a"])},
        "names must hold 3 texts, one a variable, but has shape (1,)",
    ),
    "names no texts": ({"X": X, "names": np.arange(3)}, "names must hold 3 texts"),
    "names of objects": ({"X": X, "names": np.array(list("abc"), dtype=object)}, "names is an array of Python objects"),
    "names empty": ({"X": X, "names": np.array(["a", " ", "c"])}, "names: variable 2 has no name"),
    "names double": ({"X": X, "names": np.array(["a", "b", "a"])}, "names: two variables are named `a`"),
    "graph of another size": ({"X": X, "A_true": np.zeros((2, 2))}, "A_true must have shape (3, 3) but got (2, 2)"),
    "graph of weights": ({"X": X, "A_true": GRAPH + 0.5}, "A_true must hold 0 and 1 but got 0.5 at `x1` -> `x1`"),
    "graph with NaN": ({"X": X, "A_true": GRAPH * np.nan}, "A_true must hold 0 and 1 but got nan"),
    "self-loop": ({"X": X, "A_true": np.eye(3)}, "A_true has a self-loop at `x1`"),
    "segment of another size": ({"X": X, "segment": np.arange(5)}, "segment must have shape (6,) but got (5,)"),
    "segment with NaN": ({"X": X, "segment": X[:, 0] * np.nan}, "segment must hold whole numbers or texts"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faulty_arrays_are_refused(tmp_path: Path, case: str) -> None:
    """Law: a wrong array ends in one line that names the file and the key."""
    arrays, message = FAULTS[case]
    with pytest.raises(InputError) as caught:
        npz(tmp_path, **arrays)
    assert caught.value.message.startswith(f"{tmp_path / 'data.npz'}: ")
    assert message in caught.value.message
    assert caught.value.hint


@settings(max_examples=100)
@given(data=st.data())
def test_damaged_npz_files_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Law: cut or overwritten bytes either still read or are refused."""
    path = tmp_path_factory.mktemp("fuzz") / "data.npz"
    np.savez_compressed(path, X=X, names=np.array(["a", "b", "c"]))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(InputError):
        read_table(str(path), DataConfig())


def test_a_folder_of_arrays(tmp_path: Path) -> None:
    """Law: a folder reads like an NPZ with the same keys; names come from text or JSON; the digest covers both."""
    folder = tmp_path / "c1 small"
    folder.mkdir()
    series = RNG.normal(size=(30, 3))
    np.save(folder / "X.npy", cut(series, 5))
    np.save(folder / "M.npy", np.ones((26, 5, 3), dtype=np.uint8))
    np.save(folder / "e.npy", np.zeros(26, dtype=np.int64))
    np.save(folder / "A_true.npy", np.triu(np.ones((3, 3)), 1))
    np.save(folder / "S.npy", np.ones(3))
    (folder / "names.txt").write_text("a\nb b\n\nü\n", encoding="utf-8")
    table = read_table(str(folder), DataConfig())
    assert (table.name, table.names, table.values.shape) == ("c1-small", ("a", "b b", "ü"), (30, 3))
    assert table.truth is not None
    assert table.truth.sum() == 3
    assert "arrays not used: S" in table.notes
    (folder / "names.txt").unlink()
    (folder / "feature_names.json").write_text(json.dumps(["p", "q", "r"]))
    renamed = read_table(str(folder), DataConfig())
    assert renamed.names == ("p", "q", "r")
    assert renamed.sha256 != table.sha256
    (folder / "feature_names.json").write_text('{"p": 1}')
    with pytest.raises(InputError, match=r"feature_names\.json: must be a list of names"):
        read_table(str(folder), DataConfig())


def test_split_files_follow_one_another(tmp_path: Path) -> None:
    """Law: train, val and test are joined in this order; a break lies between unless the overlap goes on."""
    series = RNG.normal(size=(40, 3))
    windows = cut(series, 5)
    for name, part in (("test", windows[30:]), ("train", windows[:20]), ("val", windows[20:26])):
        np.save(tmp_path / f"X_{name}.npy", part)
    table = read_table(str(tmp_path), DataConfig())
    np.testing.assert_array_equal(table.values, series)
    assert table.segment.tolist() == [0] * 30 + [1] * 10
    for name, part in (("train", series[:20]), ("val", series[20:30]), ("test", series[30:])):
        np.save(tmp_path / f"X_{name}.npy", part)
    table = read_table(str(tmp_path), DataConfig())
    np.testing.assert_array_equal(table.values, series)
    assert table.segment.tolist() == [0] * 20 + [1] * 10 + [2] * 10
    np.save(tmp_path / "M_train.npy", np.ones((20, 3)))
    with pytest.raises(InputError, match="has no M_val"):
        read_table(str(tmp_path), DataConfig())
    np.save(tmp_path / "X_val.npy", series[20:30, :2])
    with pytest.raises(InputError):
        read_table(str(tmp_path), DataConfig())


def test_a_folder_of_tables_is_refused_with_the_file_to_name(tmp_path: Path) -> None:
    """Law: a folder without arrays says what to give instead."""
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError) as caught:
        read_table(str(tmp_path), DataConfig())
    assert caught.value.hint == f"name the file: --data {tmp_path / 'a.csv'}"
