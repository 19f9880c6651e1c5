"""Lanes of several data sets in one program are the lanes that each data set would have alone, bit for bit."""

from typing import Any

import pytest

from core import together
from core.config import TrainerConfig
from core.lanes import over_tensors, select, to_arrays
from core.together import Group, advance_together
from core.trainer import advance, start
from tests.core import small

SETTINGS: list[dict[str, Any]] = [
    {"evaluate_every": 2},
    {"health_log": False, "plateau": "val_shd"},
    {"max_lag": 0},
    {"architecture": "original", "window": 6},
    {"architecture": "original", "reduction": "sum"},
]


def groups_of(config: TrainerConfig, sizes: tuple[int, ...], rows: tuple[int, ...]) -> list[Group]:
    """Lanes of different age on data sets of their own."""
    lanes = start(small.trials(sum(sizes)), small.dataset(config), config)
    found, first = [], 0
    for seed, (size, count) in enumerate(zip(sizes, rows, strict=True)):
        data = small.dataset(config, seed=seed, rows=count, missing=0.1)
        mine = select(lanes, range(first, first + size))
        found.append(Group(advance(mine, data, config)[0] if seed % 2 else mine, data))
        first += size
    return found


@pytest.mark.parametrize("changes", SETTINGS)
@pytest.mark.parametrize(
    ("sizes", "rows"),
    [((3, 2, 2), (120, 120, 120)), ((1, 4, 1), (120, 120, 120)), ((2, 2, 1, 2), (120, 150, 120, 150)), ((1,), (120,))],
)
def test_together_is_alone(changes: dict[str, Any], sizes: tuple[int, ...], rows: tuple[int, ...]) -> None:
    """Law: states and evaluations are those of `advance` on each data set, and what was given is not changed."""
    config = small.settings(**changes)
    groups = groups_of(config, sizes, rows)
    before = [[array.copy() for array in to_arrays(group.lanes)] for group in groups]
    found = advance_together(groups, config)
    for (lanes, evaluations), group, old in zip(found, groups, before, strict=True):
        alone, expected = advance(group.lanes, group.dataset, config)
        assert small.differing(lanes, alone) == []
        assert list(map(small.timeless, evaluations)) == list(map(small.timeless, expected))
        assert all(a.tobytes() == b.tobytes() for a, b in zip(to_arrays(group.lanes), old, strict=True))


def test_data_of_equal_size_share_their_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: groups whose batches have equal shapes train as one stack, a lone lane beside a copy of itself.

    Only where steps are not compiled: there, it is the start of an operation that costs.
    """
    config, widths, steps = small.settings(architecture="original"), [], together.train_steps

    def watched(lanes: Any, *given: Any) -> Any:
        widths.append(len(lanes.trial))
        return steps(lanes, *given)

    monkeypatch.setattr(together, "train_steps", watched)
    advance_together(groups_of(config, (3, 1, 2, 2), (120, 120, 150, 120)), config)
    assert sorted(widths) == [2, 7]


def test_a_diverging_group_leaves_the_others_alone() -> None:
    """Law: a lane that is not finite fails alone, on whatever data."""
    config = small.settings()
    groups = groups_of(config, (2, 2), (120, 120))
    broken = groups[0].lanes._replace(value=over_tensors(lambda tensor: tensor * 1e30, groups[0].lanes.value))
    (_, lost), (_, fine) = advance_together([Group(broken, groups[0].dataset), groups[1]], config)
    assert all(item.failed_step >= 0 for item in lost)
    assert list(map(small.timeless, fine)) == list(
        map(small.timeless, advance(groups[1].lanes, groups[1].dataset, config)[1])
    )
