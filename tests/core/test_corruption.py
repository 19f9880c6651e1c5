"""Ways of spoiling data: named, in order, each doing what its name says and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.corruption import FAILURE_ROWS, STRETCHES, WAYS, corrupt
from core.corruption_kinds import KINDS, PRESETS, parse
from core.errors import InputError

CLEAN = np.random.default_rng(9).standard_normal((4000, 3))
CHAIN = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
MISSING = ("mcar", "mnar_self", "mnar_structural")
LADDER = ("clean", "mild", "moderate", "severe", "extreme")
README = Path(__file__).parents[2] / "README.md"


def spoiled(text: str, seed: int = 0) -> np.ndarray:
    """Corrupt the clean values with a fresh stream."""
    return corrupt(CLEAN, text, np.random.default_rng(seed), CHAIN)


def errors_of(text: str) -> np.ndarray:
    """Return what a corruption that removes nothing adds."""
    difference = spoiled(text) - CLEAN
    assert np.isfinite(difference).all()
    return difference


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("clean", []),
        ("", []),
        ("mcar_30", [("mcar", 30.0)]),
        ("mcar", [("mcar", 30.0)]),
        ("mnar_self", [("mnar_self", 30.0)]),
        ("drift + outliers_2.5", [("drift", 1.0), ("outliers", 2.5)]),
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
        ("mcar_", "unknown corruption `mcar_`"),
        ("mcar_x", "unknown corruption `mcar_x`"),
        ("noise_-1", "unknown corruption `noise_-1`"),
        ("level_noise_3", "unknown corruption `level_noise_3`"),
        ("noise_nan", "unknown corruption `noise_nan`"),
        ("noise_1e3", "unknown corruption `noise_1e3`"),
        ("mcar_1.2.3", "`mcar_1.2.3` must end in a number"),
        ("mcar_.", "`mcar_.` must end in a number"),
        ("mcar_96", "`mcar_96` must be from 0 to 95 per cent but got 96"),
        ("noise_11", "`noise_11` must be from 0 to 10 deviations but got 11"),
        ("regimes_0", "`regimes_0` must be from 1 to 100 stretches but got 0"),
        ("sensor_failure_81", "`sensor_failure_81` must be from 0 to 80 per cent but got 81"),
        ("severe_2", "unknown corruption `severe_2`"),
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
    assert all(KINDS[kind].low <= amount <= KINDS[kind].high for kind, amount in steps)


@pytest.mark.parametrize("text", [*KINDS, *(name for name in PRESETS if name != "clean")])
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
    assert not np.array_equal(spoiled("noise_0.3+regimes_3"), spoiled("regimes_3+noise_0.3"))
    assert np.array_equal(spoiled("regimes_3+mcar_30"), expected, equal_nan=True)


def test_more_regimes_than_rows_are_no_accident() -> None:
    """Law: a stretch without rows is nothing, not an error."""
    assert np.isfinite(corrupt(CLEAN[:5], "regimes_100", np.random.default_rng(0))).all()


def test_every_kind_is_written_down() -> None:
    """Law: names and ways are the same, defaults are in range, presets can be read, and the README tells of all."""
    assert set(KINDS) == set(WAYS)
    assert all(kind.low <= kind.default <= kind.high for kind in KINDS.values())
    for name, steps in PRESETS.items():
        assert parse(name) == parse(steps)
    text = README.read_text(encoding="utf-8")
    assert [name for name in [*KINDS, *PRESETS] if f"`{name}`" not in text] == []
    assert [steps for steps in PRESETS.values() if steps and f"`{steps}`" not in text] == []


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("mcra_30", "mcar"), ("sever", "severe"), ("Outliers_2", "outliers"), ("mnar_slef", "mnar_self")],
)
def test_a_slip_is_answered_with_the_name_meant(wrong: str, meant: str) -> None:
    """Law: a misspelt name gets the nearest one, with or without its number."""
    with pytest.raises(InputError) as caught:
        parse(wrong)
    assert caught.value.hint.startswith(f"did you mean `{meant}`?")


@pytest.mark.parametrize("kind", MISSING)
@pytest.mark.parametrize("percent", [0, 5, 20, 40, 95])
def test_missing_shares_are_as_asked(kind: str, percent: int) -> None:
    """Law: whatever decides which values are missing, each column misses its share; what stays is as it was."""
    values = spoiled(f"{kind}_{percent}")
    gone = np.isnan(values)
    assert np.abs(gone.mean(0) - percent / 100).max() < 0.03
    assert np.array_equal(values[~gone], CLEAN[~gone])


def test_self_masking_hides_extremes() -> None:
    """Law: the farther from the mean, on both sides, the likelier missing; mcar does not care."""
    for kind, ratio in (("mnar_self", 3.0), ("mcar", 0.9)):
        gone = np.isnan(spoiled(f"{kind}_30"))
        for side in (CLEAN > 1.5, CLEAN < -1.5):
            assert gone[side].mean() > ratio * gone[np.abs(CLEAN) < 0.5].mean()
    assert not np.isnan(spoiled("mcar_30"))[CLEAN > 1.5].mean() > 1.5 * 0.3


def test_structural_missingness_follows_the_parents() -> None:
    """Law: a variable is missing where its parents are high, whatever it is itself; a root follows another one."""
    gone = np.isnan(spoiled("mnar_structural_30"))
    follows = [[np.corrcoef(gone[:, j], CLEAN[:, i])[0, 1] for i in range(3)] for j in range(3)]
    assert follows[1][0] > 0.4
    assert follows[2][1] > 0.4
    assert max(follows[0][1:]) > 0.4
    assert max(abs(follows[1][1]), abs(follows[1][2]), abs(follows[2][0]), abs(follows[2][2])) < 0.06
    lone = np.isnan(corrupt(CLEAN, "mnar_structural_30", np.random.default_rng(0)))
    assert max(np.corrcoef(lone[:, 1], CLEAN[:, i])[0, 1] for i in (0, 2)) > 0.4


def test_a_hidden_parent_still_acts() -> None:
    """Law: what is missing already does not change what later parts do beneath it."""
    gone = np.isnan(spoiled("mcar_50+mnar_structural_30"))
    hidden = np.isnan(corrupt(CLEAN, "mcar_50", np.random.default_rng(0), CHAIN))
    later = gone[:, 1] & ~hidden[:, 1]
    at = hidden[:, 0] & ~hidden[:, 1]
    assert np.corrcoef(later[at], CLEAN[at, 0])[0, 1] > 0.4


@pytest.mark.parametrize("kind", ["bias_additive", "bias_multiplicative"])
def test_biases_are_constant_on_stretches(kind: str) -> None:
    """Law: each sensor has up to four stretches of its own, each with one offset, or one gain."""
    values = spoiled(kind)
    constant = values - CLEAN if kind == "bias_additive" else values / CLEAN
    starts = []
    for column in constant.T:
        jumps = np.flatnonzero(np.abs(np.diff(column)) > 1e-9)
        assert len(jumps) == STRETCHES - 1
        starts += jumps.tolist()
        assert kind == "bias_additive" or column.min() > 0
    assert len(set(starts)) == 3 * (STRETCHES - 1)


@pytest.mark.parametrize(("kind", "spread"), [("bias_additive_0.5", 0.5), ("bias_multiplicative_0.3", 0.3)])
def test_biases_have_their_size(kind: str, spread: float) -> None:
    """Law: over many sensors, offsets and log gains are centred and as wide as asked."""
    level = np.ones((40, 3000))
    values = corrupt(level, kind, np.random.default_rng(0))
    found = values - level if "additive" in kind else np.log(values)
    assert found.std() == pytest.approx(spread, rel=0.05)
    assert found.mean() == pytest.approx(0.0, abs=0.03)


def test_drift_starts_at_nothing_and_is_slow() -> None:
    """Law: drift is 0 at first, `size` deviations wide at the end, smooth from row to row; lines and walks alike."""
    level = np.zeros((500, 2000))
    path = corrupt(level, "drift_2", np.random.default_rng(0))
    assert np.abs(path[0]).max() == 0.0
    straight = np.abs(np.diff(path, 2, axis=0)).max(0) < 1e-9
    assert straight.mean() == pytest.approx(0.5, abs=0.05)
    for some in (straight, ~straight):
        assert path[-1, some].std() == pytest.approx(2.0, rel=0.1)
    assert np.abs(np.diff(path, axis=0)).max() < 0.6
    assert np.isfinite(corrupt(level[:1], "drift_2", np.random.default_rng(0))).all()


def test_outliers_are_rare_and_far() -> None:
    """Law: the share asked for is moved, by 4 to 8 deviations up or down, and nothing else."""
    error = errors_of("outliers_2")
    hit = error != 0
    assert hit.mean() == pytest.approx(0.02, abs=0.005)
    assert 4.0 <= np.abs(error[hit]).min() < np.abs(error[hit]).max() <= 8.0
    assert (error[hit] > 0).mean() == pytest.approx(0.5, abs=0.15)


def test_failing_sensors_are_dead_or_stuck_in_stretches() -> None:
    """Law: the share asked for fails, in stretches of 20 rows; half is missing, half repeats the value before."""
    clean = np.random.default_rng(2).standard_normal((3000, 60))
    values = corrupt(clean, "sensor_failure_20", np.random.default_rng(0))
    dead, stuck = np.isnan(values), ~np.isnan(values) & (values != clean)
    assert (dead | stuck).mean() == pytest.approx(0.2, abs=0.02)
    assert dead.mean() == pytest.approx(stuck.mean(), rel=0.2)
    begins = (dead | stuck)[1:] & ~(dead | stuck)[:-1]
    assert (dead | stuck).sum() / begins.sum() == pytest.approx(FAILURE_ROWS, rel=0.15)
    rows, columns = np.nonzero(stuck[1:] & ~dead[:-1])
    assert np.array_equal(values[rows + 1, columns], values[rows, columns])


def test_the_ladder_does_more_and_more_harm() -> None:
    """Law: from clean to extreme, more is missing, and what is left says less about the true value."""
    clean = np.zeros((3000, 40))
    rng = np.random.default_rng(1)
    for t in range(1, len(clean)):
        clean[t] = 0.9 * clean[t - 1] + 0.19**0.5 * rng.standard_normal(40)
    lost, alike = [], []
    for name in LADDER:
        values = corrupt(clean, name, np.random.default_rng(3))
        seen = ~np.isnan(values)
        lost.append(float(1 - seen.mean()))
        alike.append(
            float(np.mean([np.corrcoef(a[s], b[s])[0, 1] for a, b, s in zip(values.T, clean.T, seen.T, strict=True)]))
        )
    assert lost == sorted(lost)
    assert alike == sorted(alike, reverse=True)
    assert min(np.diff(lost)) > 0.02
    assert max(np.diff(alike)) < -0.004


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (3, 5), (50, 2)])
@pytest.mark.parametrize("kind", [*KINDS, *PRESETS])
def test_small_tables_are_no_accident(shape: tuple[int, int], kind: str) -> None:
    """Law: every corruption works on tables of a few rows, on constant columns, and on values missing before."""
    for values in (np.random.default_rng(0).standard_normal(shape), np.zeros(shape), np.full(shape, np.nan)):
        found = corrupt(values, kind, np.random.default_rng(0), np.zeros((shape[1], shape[1]), dtype=bool))
        assert found.shape == shape
        assert not np.isinf(found).any()
        assert np.isnan(found[np.isnan(values)]).all()
