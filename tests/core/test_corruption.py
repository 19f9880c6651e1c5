"""Ways of spoiling data: named, in order, each doing what its name says and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.corruption import KINDS, corrupt, parse
from core.errors import InputError

CLEAN = np.random.default_rng(9).standard_normal((4000, 3))


def spoiled(text: str, seed: int = 0) -> np.ndarray:
    """Corrupt the clean values with a fresh stream."""
    return corrupt(CLEAN, text, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("clean", []),
        ("", []),
        ("mcar_30", [("mcar", 30.0)]),
        ("noise_0.3", [("noise", 0.3)]),
        ("level_noise", [("level_noise", 0.0)]),
        ("regimes_3 + mcar_30", [("regimes", 3.0), ("mcar", 30.0)]),
        ("mcar_30+regimes_3", [("mcar", 30.0), ("regimes", 3.0)]),
        ("corrupted", [("regimes", 3.0), ("level_noise", 0.0), ("mcar", 30.0)]),
        ("clean+corrupted+noise_1", [("regimes", 3.0), ("level_noise", 0.0), ("mcar", 30.0), ("noise", 1.0)]),
    ],
)
def test_names_are_read_in_order(text: str, steps: list[tuple[str, float]]) -> None:
    """Law: + joins corruptions in the order written, presets are spelt out in place, clean is nothing."""
    assert parse(text) == steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog", "unknown corruption `fog`"),
        ("mcar", "unknown corruption `mcar`"),
        ("mcar_", "unknown corruption `mcar_`"),
        ("mcar_x", "unknown corruption `mcar_x`"),
        ("noise_-1", "unknown corruption `noise_-1`"),
        ("level_noise_3", "unknown corruption `level_noise_3`"),
        ("noise_nan", "unknown corruption `noise_nan`"),
        ("noise_1e3", "unknown corruption `noise_1e3`"),
        ("mcar_1.2.3", "`mcar_1.2.3` must end in a number"),
        ("mcar_.", "`mcar_.` must end in a number"),
        ("mcar_96", "`mcar_96` must be from 0 to 95 but got 96"),
        ("noise_11", "`noise_11` must be from 0 to 10 but got 11"),
        ("regimes_0", "`regimes_0` must be from 1 to 100 but got 0"),
        ("regimes_2.5", "regimes_2.5"),
        ("clean+fog", "unknown corruption `fog`"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    """Law: an unknown kind, or an amount that is no number, out of range or cut in silence, is an input error."""
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.message.startswith("data.corruption: ")
    assert message in caught.value.message


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz_+.0123456789 -", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Law: no text ends in anything but steps within their ranges or an input error."""
    try:
        steps = parse(text)
    except InputError:
        return
    assert all(KINDS[kind][1] <= amount <= KINDS[kind][2] for kind, amount in steps)


@pytest.mark.parametrize("text", ["mcar_30", "noise_0.3", "level_noise", "regimes_3", "corrupted"])
def test_corruption_is_a_function_of_its_stream(text: str) -> None:
    """Law: the same stream spoils alike, another otherwise, and the caller's values stay as they were."""
    before = CLEAN.copy()
    assert np.array_equal(spoiled(text), spoiled(text), equal_nan=True)
    assert not np.array_equal(spoiled(text), spoiled(text, seed=1), equal_nan=True)
    assert np.array_equal(CLEAN, before)


def test_clean_is_untouched() -> None:
    """Law: clean changes no bit."""
    assert np.array_equal(spoiled("clean"), CLEAN)


@pytest.mark.parametrize("percent", [0, 10, 30, 95])
def test_mcar_removes_its_share_everywhere_and_changes_no_value(percent: int) -> None:
    """Law: mcar_p removes p per cent of every column at random, and what stays is as it was."""
    values = spoiled(f"mcar_{percent}")
    gone = np.isnan(values)
    assert np.abs(gone.mean(0) - percent / 100).max() < 0.03
    assert np.array_equal(values[~gone], CLEAN[~gone])


def test_noise_has_its_size() -> None:
    """Law: noise_0.3 adds errors of deviation 0.3 without bias."""
    error = spoiled("noise_0.3") - CLEAN
    assert np.abs(error.std(0) - 0.3).max() < 0.02
    assert np.abs(error.mean(0)).max() < 0.03


def test_level_noise_grows_with_the_level() -> None:
    """Law: the error's deviation is 0.1 + 0.2 |z|: small near the mean, larger away from it."""
    error, level = spoiled("level_noise") - CLEAN, np.abs(CLEAN)
    for low, high in ((0.0, 0.2), (0.9, 1.1), (1.8, 2.2)):
        near = (level > low) & (level < high)
        assert error[near].std() == pytest.approx(0.1 + 0.2 * (low + high) / 2, rel=0.15)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_regimes_are_straight_lines_on_stretches_of_time(count: int) -> None:
    """Law: each stretch has one gain from 0.7 to 1.4 and one offset a column, and each stretch its own."""
    values = spoiled(f"regimes_{count}")
    lines = set()
    for rows in np.array_split(np.arange(len(CLEAN)), count):
        for column in range(3):
            gain, offset = np.polyfit(CLEAN[rows, column], values[rows, column], 1)
            np.testing.assert_allclose(values[rows, column], gain * CLEAN[rows, column] + offset, atol=1e-9)
            assert 0.7 <= gain <= 1.4
            lines.add((round(gain, 9), round(offset, 9)))
    assert len(lines) == 3 * count


def test_parts_work_on_what_the_parts_before_left() -> None:
    """Law: a + b is b applied to what a gave, from one stream."""
    rng = np.random.default_rng(0)
    expected = corrupt(corrupt(CLEAN, "regimes_3", rng), "mcar_30", rng)
    assert np.array_equal(spoiled("regimes_3+mcar_30"), expected, equal_nan=True)


def test_more_regimes_than_rows_are_no_accident() -> None:
    """Law: a stretch without rows is nothing, not an error."""
    assert np.isfinite(corrupt(CLEAN[:5], "regimes_100", np.random.default_rng(0))).all()
