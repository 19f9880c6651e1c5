"""From a table to what the learner sees: standardised, split by time, filled, lagged, and nothing leaked."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.errors import InputError
from core.scaling import scaled
from core.tables import Table
from core.windows import row_counts, window_starts

if TYPE_CHECKING:  # data that cannot be used is refused before torch is imported
    from torch import Tensor

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLIT = (0.70, 0.85)
SHUFFLE_SEED = 20010527
LEAST_DEVIATION, FARTHEST_DEPARTURE = 0.2, 6.0
NO_WINDOWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Standardised data, the same for every trial of a study.

    Args:
        names: d variable names.
        values: (n, d) float32, each column with mean 0 and deviation 1 over its observed training rows;
            0 where missing (with other settings of `standardise`: see `scaled`).
        observed: (n, d) bool, True where measured; all False for a variable that cannot be learned from.
        block: (n,) int64; rows of one segment and one split share a number. No lag crosses a block.
        split: (n,) int8, TRAIN, VALIDATION or TEST.
        truth: (d, d) bool true graph or None, [i, j] is i -> j. Only `metrics` reads it.
        unusable: variable name -> why it is kept out of the loss.
        key: digest of everything else but the truth; equal keys mean equal samples.
        windows: (m,) int64, first rows of the windows of `trainer.window` rows; empty where that is 0.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    observed: NDArray[np.bool_]
    block: NDArray[np.int64]
    split: NDArray[np.int8]
    truth: NDArray[np.bool_] | None
    unusable: dict[str, str]
    key: str
    windows: NDArray[np.int64] = field(default_factory=lambda: NO_WINDOWS)


def split_rows(table: Table, has_time: bool) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Order the rows and split them 70/15/15: by time, or at random (fixed) when rows have no time."""
    n = len(table.values)
    order = np.arange(n) if has_time else np.random.default_rng(SHUFFLE_SEED).permutation(n)
    split = np.searchsorted(np.array([int(n * share) for share in SPLIT]), np.arange(n), side="right")
    return order, split.astype(np.int8)


def unusable_variables(values: NDArray[np.float64], names: tuple[str, ...]) -> dict[str, str]:
    """Name the variables that no training row can teach anything about, with the reason."""
    reasons = {}
    for column, name in enumerate(names):
        seen = values[:, column][~np.isnan(values[:, column])]
        if len(seen) < 2:
            reasons[name] = "no values in the training rows"
        elif np.ptp(seen) <= 1e-12 * max(1.0, float(np.abs(seen).max())):
            reasons[name] = "constant in the training rows"
    return reasons


def prepare(table: Table, config: TrainerConfig) -> Dataset:
    """Split, standardise on the training rows (in float64, before the cast) and mark what is missing.

    Args:
        table: raw data.
        config: how to standardise; batch size, lags and window, which the data must be long enough for.

    Returns:
        Dataset.

    Raises:
        InputError: too few rows for a batch, a lag or a split, or fewer than two usable variables.
    """
    order, split = split_rows(table, config.max_lag > 0)
    values, segment = table.values[order], table.segment[order]
    train = values[split == TRAIN]
    unusable = unusable_variables(train, table.names)
    if len(table.names) - len(unusable) < 2:
        reasons = "; ".join(f"`{name}`: {reason}" for name, reason in unusable.items())
        raise InputError(f"{table.source}: fewer than two usable variables are left ({reasons})")
    usable = np.array([name not in unusable for name in table.names])
    observed = ~np.isnan(values) & usable
    windows = NO_WINDOWS
    if config.architecture == "original":  # rows without time were shuffled, and any of them are neighbours
        windows = window_starts(segment if config.max_lag > 0 else np.zeros_like(segment), config.window)
    times = (split == TRAIN).astype(np.int64)
    if len(windows) and config.standardise == "filled":
        times = row_counts(windows[: int(len(windows) * SPLIT[0])], config.window, len(values))
    full = np.zeros(values.shape)
    full[:, usable] = scaled(values[:, usable], times, config.standardise)
    if config.standardise == "observed":
        full[~observed] = 0.0
    standard = full.astype(np.float32)
    edges = np.concatenate([[False], (np.diff(segment) != 0) | (np.diff(split) != 0)])
    block = np.cumsum(edges).astype(np.int64) if config.max_lag > 0 else split.astype(np.int64)
    dataset = Dataset(
        table.names, standard, observed, block, split, table.truth, unusable,
        digest(standard, observed, block, split, *([windows] if len(windows) else [])), windows,
    )  # fmt: skip
    check_size(dataset, table, config)
    return dataset


def digest(*arrays: NDArray[np.generic]) -> str:
    """Return the sha256 of arrays' shapes, types and bytes, in hex."""
    import hashlib

    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape}{array.dtype.str}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def check_size(dataset: Dataset, table: Table, config: TrainerConfig) -> None:
    """Raise InputError unless training and validation have rows with a whole history behind them."""
    needed = {TRAIN: config.batch_size, VALIDATION: 2}
    if config.window > 0 and config.architecture == "original":
        counts = [len(windows_of(dataset, part)) for part in (TRAIN, VALIDATION)]
        if counts[0] < 1 or counts[1] < 1:
            raise InputError(
                f"{table.source}: {len(table.values)} rows leave {counts[0]} windows of {config.window} rows for "
                f"training and {counts[1]} for validation, and 1 is needed for each",
                "give longer series, or set trainer.window lower with --set",
            )
        return
    for part, name in ((TRAIN, "training"), (VALIDATION, "validation")):
        rows = len(positions(dataset, part, config.max_lag))
        if rows < needed[part]:
            raise InputError(
                f"{table.source}: {len(table.values)} rows leave {rows} for {name} at max_lag {config.max_lag}, "
                f"and {needed[part]} are needed",
                "give more rows, or set trainer.batch_size or trainer.max_lag lower with --set",
            )


def positions(dataset: Dataset, part: int, max_lag: int) -> NDArray[np.int64]:
    """Return the rows of a split whose `max_lag` predecessors lie in the same block, (m,) int64."""
    rows = np.arange(max_lag, len(dataset.block))
    whole = dataset.block[rows] == dataset.block[rows - max_lag]
    return np.asarray(rows[whole & (dataset.split[rows] == part)])


def windows_of(dataset: Dataset, part: int) -> NDArray[np.int64]:
    """Return the first rows of a split's windows: 70/15/15 of the windows, so that neighbours share rows."""
    bounds = [0, *(int(len(dataset.windows) * share) for share in SPLIT), len(dataset.windows)]
    return dataset.windows[bounds[part] : bounds[part + 1]]


def interpolate(
    values: NDArray[np.float32], observed: NDArray[np.bool_], block: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Fill missing values linearly between the observed neighbours of the same block; ends are held flat."""
    filled = values.copy()
    starts = np.flatnonzero(np.concatenate([[True], np.diff(block) != 0]))
    for begin, end in zip(starts, [*starts[1:], len(block)], strict=True):
        place = np.arange(begin, end)
        for column in range(values.shape[1]):
            seen = observed[begin:end, column]
            if seen.any() and not seen.all():
                filled[begin:end, column] = np.interp(place, place[seen], values[begin:end, column][seen])
    return filled


def carry_forward(
    values: NDArray[np.float32], observed: NDArray[np.bool_], block: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Fill missing values with the last observed one of the same block, else 0 (the mean): past only."""
    n = len(values)
    starts = np.concatenate([[True], np.diff(block) != 0])
    first = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    last = np.maximum.accumulate(np.where(observed, np.arange(n)[:, None], -1), axis=0)
    known = last >= first[:, None]
    return np.where(known, np.take_along_axis(values, np.maximum(last, 0), axis=0), 0.0).astype(np.float32)


class Course(NamedTuple):
    """Where a variable has lately been: level and deviation after reading each row, (n, d) float32 both."""

    level: NDArray[np.float32]
    deviation: NDArray[np.float32]


def slow_course(
    values: NDArray[np.float32], observed: NDArray[np.bool_], block: NDArray[np.int64], span: int
) -> Course:
    """Average each variable's past within its block: means so far, exponential once `span` rows are in.

    The deviation is the root of the mean squared distance from the level before. A block starts at level 0
    and deviation 1 (those of all training rows), which count as one row. Sensors that drift or change regime
    shift and scale together, and a model without these numbers takes one sensor's offset for another one's cause.
    """
    starts = np.concatenate([[True], np.diff(block) != 0])
    level, square, count = np.zeros(values.shape[1]), np.ones(values.shape[1]), np.ones(values.shape[1])
    levels, squares = np.empty(values.shape, dtype=np.float32), np.empty(values.shape)
    for row, (value, seen, fresh) in enumerate(zip(values.astype(np.float64), observed, starts, strict=True)):
        if fresh:
            level, square, count = (np.full(values.shape[1], start) for start in (0.0, 1.0, 1.0))
        count = np.where(seen, np.minimum(count + 1.0, span), count)
        away = np.where(seen, value - level, 0.0)
        square = square + np.where(seen, (away**2 - square) / count, 0.0)
        level = level + away / count
        levels[row], squares[row] = level, square
    return Course(levels, np.sqrt(squares).astype(np.float32))


def departure(filled: NDArray[np.float32], course: Course, at: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how far the filled values before `at` lie from the level there, in recent deviations, (m, d).

    It undoes a sensor's offset and gain in a regime. Bounded, because a stuck sensor has no deviation.
    """
    away = (filled[at - 1] - course.level[at - 1]) / np.maximum(course.deviation[at - 1], LEAST_DEVIATION)
    return np.clip(away, -FARTHEST_DEPARTURE, FARTHEST_DEPARTURE)


class Samples(NamedTuple):
    """The rows of one split, ready for batches.

    rows: (m, d, 2 + F) float32; channel 0 the target, 1 whether it was observed, the rest the features in
    the order of `model.model_shape`.
    """

    rows: "Tensor"


_CACHE: dict[tuple[str, int, int, bool, int], Samples] = {}
_CACHE_SIZE = 16


def samples(dataset: Dataset, part: int, config: TrainerConfig) -> Samples:
    """Return the samples of TRAIN, VALIDATION or TEST, (m, d, 2 + F), built once a process.

    A message may read an interpolated value; a variable's own history is only carried forward, since
    interpolation between x_j(t - 2) and x_j(t) would hand the target to its own prediction.
    """
    now = config.instantaneous or config.max_lag == 0
    key = (dataset.key, part, config.max_lag, now, config.level_span)
    kept = _CACHE.get(key)
    if kept is None:
        kept = build_samples(dataset, part, config.max_lag, now, config.level_span)
        for old in list(_CACHE)[: max(0, len(_CACHE) - _CACHE_SIZE + 1)]:
            _CACHE.pop(old, None)  # threads share it: another one may have been first
        _CACHE[key] = kept
    return kept


def build_samples(dataset: Dataset, part: int, max_lag: int, now: bool, level_span: int) -> Samples:
    """Stack target, flag and features of every row of a split that has a whole history."""
    import torch

    at = positions(dataset, part, max_lag)
    observed = dataset.observed.astype(np.float32)
    channels = [dataset.values[at], observed[at]]
    if max_lag > 0:
        filled = interpolate(dataset.values, dataset.observed, dataset.block)
        carried = carry_forward(dataset.values, dataset.observed, dataset.block)
        lags = range(1, max_lag + 1)
        channels += [filled[at - lag] for lag in lags] + [observed[at - lag] for lag in lags]
        channels += [carried[at - lag] for lag in lags]
        if level_span > 0:
            course = slow_course(dataset.values, dataset.observed, dataset.block, level_span)
            channels += [course.level[at - 1], departure(filled, course, at)]
    else:
        filled = dataset.values
    if now:
        channels += [filled[at], observed[at]]
    return Samples(torch.from_numpy(np.ascontiguousarray(np.stack(channels, axis=2))))
