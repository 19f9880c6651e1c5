"""Laws of what the terminal says about the methods that a sweep has to beat."""

from typing import Any

import pytest

from core.baselines import baseline_rows
from core.data import prepare
from studies.lines import baseline_line, more_baselines_line
from tests.core import small


@pytest.mark.parametrize("max_lag", [0, 1])
def test_every_method_that_never_saw_the_truth_has_its_shd(max_lag: int) -> None:
    """Law: two lines name the empty graph, chance, and every blind method with its SHD, and no oracle method."""
    config = small.settings(max_lag=max_lag)
    table = small.table()
    rows = baseline_rows(prepare(table, config), config, 10, table)
    lines = baseline_line(rows), more_baselines_line(rows)
    named = {row["name"]: row for row in rows}
    assert f"empty graph SHD {named['empty']['shd']}, " in lines[0]
    assert f"t-test SHD {named['var_t_test']['shd']}, chance (best of 10 random adjacencies) F1 0." in lines[0]
    for name, said in (("var_stability", "stability selection"), ("var_held_out", "held-out error"),
                       ("sortnregress_var", "sortnregress by variance"),
                       ("sortnregress_r2", "sortnregress by R\u00b2")):  # fmt: skip
        assert f"{said} SHD {named[name]['shd']}" in lines[1]
    assert "best cut" not in " ".join(lines)
    assert "correlation" not in " ".join(lines)
    assert max(map(len, lines)) <= 120


def test_without_a_truth_and_without_a_graph_there_is_no_shd() -> None:
    """Law: no true graph, no second line; a method that failed is left out of it."""
    config = small.settings()
    table = small.table()
    rows: list[dict[str, Any]] = baseline_rows(prepare(table, config), config, 10, table)
    failed = {"name": "pcmci", "label": "PCMCI", "oracle": False, "note": "", "error": "ValueError: no"}
    assert more_baselines_line([*rows, failed]) == more_baselines_line(rows)
    assert "PCMCI SHD 3" in more_baselines_line([*rows, {**failed, "shd": 3}])
    blank = [{name: value for name, value in row.items() if name != "shd"} for row in rows]
    assert more_baselines_line(blank) == ""
    assert "no true graph, so no accuracy can be given" in baseline_line(blank)
