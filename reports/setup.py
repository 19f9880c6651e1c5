"""Setup: everything somebody needs to repeat the run, as small tables."""

import json
from typing import Any

import numpy as np

from reports import wording
from reports.blocks import TableBlock
from reports.findings import bounds
from reports.run import Record, Run, number
from reports.scores import scale_of, winner_seeds
from reports.wording import axis_name, count, duration, listing, significant

MOST_VARIABLES = 120


def setup(run: Run) -> list[TableBlock]:
    """Collect the setup tables; parts that were not recorded are left out."""
    blocks = [_search(run), _space(run), _data(run), _missing(run), _environment(run), *_settings(run)]
    return [block for block in blocks if block is not None and block.rows]


def _rows(pairs: list[tuple[str, Any]]) -> list[tuple[str, ...]]:
    return [(name, text(value)) for name, value in pairs if value is not None and text(value)]


def text(value: Any) -> str:
    """Write a setting as the YAML has it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return significant(value, 6)
    if isinstance(value, list | dict):
        return wording.clean(json.dumps(value, ensure_ascii=False, default=str))
    return wording.clean(str(value)) if str(value) else ""


def _search(run: Run) -> TableBlock:
    search: Record = run.settings.get("search") or {}
    summary = run.summary
    pairs = [
        ("study", summary.get("study")),
        ("objective", run.objective),
        ("study seed", summary.get("seed")),
        (
            "trials",
            f"{run.trials.rows:,} of {number(summary, 'budget'):,.0f} asked for"
            if np.isfinite(number(summary, "budget"))
            else run.trials.rows,
        ),
        *((str(key), value) for key, value in search.items() if key != "objective"),
        (
            "search time",
            duration(number(summary, "search_seconds")) if np.isfinite(number(summary, "search_seconds")) else None,
        ),
        (
            "time in all",
            duration(number(summary, "wall_seconds")) if np.isfinite(number(summary, "wall_seconds")) else None,
        ),
        ("fresh seeds", listing([f"{seed:.0f}" for seed in winner_seeds(run).number("seed")]) or None),
    ]
    return TableBlock("Search", ("what", "value"), _rows(pairs))


def _space(run: Run) -> TableBlock | None:
    space = run.settings.get("space") or {}
    ranges = bounds(run)
    rows = []
    for name, entry in space.items():
        best = number(run.best, str(name))
        if str(name) in ranges:
            low, high, log = ranges[str(name)]
            values = f"{significant(low)} to {significant(high)}, {'log' if log else 'linear'}"
        else:
            values = text(entry)
        rows.append((axis_name(str(name)), values, significant(best, 4) if np.isfinite(best) else wording.NO_VALUE))
    return TableBlock("Space: what was searched", ("setting", "range", scale_of(run).winner), rows) if rows else None


def _data(run: Run) -> TableBlock:
    data = run.data
    split = data.get("split") or {}
    rows = number(data, "rows")
    true = run.true_edges
    pairs = [
        ("data set", run.summary.get("dataset")),
        ("source", data.get("source")),
        ("sha256", data.get("sha256")),
        (
            "rows \N{MULTIPLICATION SIGN} variables",
            f"{rows:,.0f} \N{MULTIPLICATION SIGN} {len(run.names):,}" if np.isfinite(rows) else None,
        ),
        (
            "rows to train, validate, test",
            ", ".join(f"{name} {size:,}" for name, size in split.items() if isinstance(size, int)) or None,
        ),
        ("true edges", f"{true:,.0f}" if np.isfinite(true) else "not known: no true graph was given"),
        ("rows are in time", data.get("has_time")),
        ("lags", data.get("max_lag")),
        *((f"cannot use {wording.label(str(name), 60)}", why) for name, why in (data.get("unusable") or {}).items()),
        *((f"copy {wording.label(str(name), 60)}", f"of {of}") for name, of in (data.get("duplicated") or {}).items()),
        *((f"note {place + 1}", note) for place, note in enumerate(data.get("notes") or [])),
    ]
    return TableBlock("Data", ("what", "value"), _rows(pairs))


def _missing(run: Run) -> TableBlock | None:
    shares = run.data.get("missing_share") or {}
    known = [(str(name), float(part)) for name, part in shares.items() if isinstance(part, int | float)]
    if not known:
        return None
    most = sorted(known, key=lambda item: -item[1])[:MOST_VARIABLES] if len(known) > MOST_VARIABLES else known
    middle = float(np.mean([part for _, part in known]))
    caption = f"Missing values: {wording.share(middle)} on average over {count(len(known), 'variable')}"
    caption += f"; the {MOST_VARIABLES} with most of {len(known):,} shown" if len(most) < len(known) else ""
    return TableBlock(
        caption, ("variable", "missing"), [(wording.clean(name), wording.share(part)) for name, part in most]
    )


def _environment(run: Run) -> TableBlock:
    names = {"cpu_capability": "cpu", "mkl_cbwr": "MKL_CBWR", "threads": "threads a process"}
    pairs = [(names.get(key, key), value) for key, value in run.environment.items() if key != "data"]
    return TableBlock("Versions and machine", ("what", "value"), _rows(pairs))


def _settings(run: Run) -> list[TableBlock]:
    blocks = []
    for part in ("data", "trainer", "backend"):
        values = run.settings.get(part)
        if isinstance(values, dict):
            rows = _rows([(f"{part}.{key}", value) for key, value in values.items()])
            blocks.append(TableBlock(f"Settings: {part}", ("setting", "value"), rows))
    return blocks
