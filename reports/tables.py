"""Load a run folder into one typed `Run`; pure reading, nothing is computed here."""

import json
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from core.errors import RunFolderError
from core.run_format import check_format, meant_inside
from reports.columns import Columns, Floats, parsed, read_columns, rows_of, unguard
from reports.run import Baseline, Record, Run

TRIAL_TEXTS = frozenset({"state", "degenerate", "is_dag", "graph_hash", "blind_edges", "weights_hash", "error"})

SEED_TEXTS = frozenset({"pick", "weights_hash", "error"})
EDGE_TEXTS = frozenset({"cause", "effect", "in_sweep_graph", "true"})


def load_run(folder: Path) -> Run:
    """Read a run folder.

    Raises:
        RunFolderError: no such folder, an incomplete or damaged one, or one of a newer format.
    """
    _check_folder(folder)
    summary = _mapping(folder / "summary.json")
    _check_format(folder, summary)
    environment = _mapping(folder / "environment.json") if (folder / "environment.json").exists() else {}
    settings = _mapping(folder / "sweep.yaml") if (folder / "sweep.yaml").exists() else {}
    trials = read_columns(folder / "trials.csv", TRIAL_TEXTS)
    trials = trials.take(np.argsort(trials.number("number"), kind="stable"))
    square_file = folder / "best" / "adjacency.csv"
    square = _square(square_file)
    names = tuple(str(name) for name in (environment.get("data") or {}).get("variables") or ())
    if square and not names:
        names = tuple(unguard(name) for name in square[0])
    truth = _truth(folder / "graph.csv", names)
    return Run(
        name=folder.resolve().name,
        summary=summary,
        trials=trials,
        epochs=_optional(folder / "epochs.csv.gz"),
        baselines=_baselines(folder / "baselines.csv"),
        names=names,
        truth=truth,
        adjacency=_aligned(square_file, square, names),
        seeds=_optional(folder / "confirm" / "seeds.csv", SEED_TEXTS),
        fresh_data=_optional(folder / "confirm" / "data.csv", SEED_TEXTS),
        returns=_optional(folder / "confirm" / "edges.csv", EDGE_TEXTS),
        settings=settings,
        environment=environment,
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RunFolderError(
            f"no run folder at {folder}", "give the folder that a sweep wrote, runs/<study>-<data>-<hash>"
        )
    needed = ("summary.json", "trials.csv")
    missing = [name for name in needed if not (folder / name).is_file()]
    if not missing:
        return
    hint = meant_inside(folder, needed) or "run the sweep's command again: it continues and writes the rest"
    raise RunFolderError(f"{folder} is not a complete run folder: {' and '.join(missing)} missing", hint)


def _check_format(folder: Path, summary: Record) -> None:
    written = summary.get("format")
    if not isinstance(written, int) or isinstance(written, bool):
        raise RunFolderError(f"{folder / 'summary.json'}: format must be a whole number but got {written!r}")
    check_format(folder, written)


def _mapping(path: Path) -> Record:
    """Read a JSON or YAML file that must hold a mapping."""

    def parse(text: str) -> Record:
        try:
            found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
        if not isinstance(found, dict):
            raise ValueError(f"must be a mapping but got {type(found).__name__}")
        return found

    return parsed(path, parse)


def _optional(path: Path, texts: frozenset[str] = TRIAL_TEXTS) -> Columns:
    """Read a table that may be absent."""
    return read_columns(path, texts) if path.exists() else Columns(0, {}, {})


def _baselines(path: Path) -> tuple[Baseline, ...]:
    if not path.exists():
        return ()
    table = read_columns(path, frozenset({"name", "label", "oracle", "note", "error"}))
    parts = zip(
        table.text("name"),
        table.text("label"),
        [text.strip().lower() == "true" for text in table.text("oracle")],
        table.number("shd").tolist(),
        table.number("f1").tolist(),
        table.number("edge_count").tolist(),
        table.number("f1_high").tolist(),
        table.text("note"),
        table.text("error"),
        np.fmax(table.number("var_sortability"), table.number("r2_sortability")).tolist(),
        strict=True,
    )
    return tuple(Baseline(name, label or name, *rest) for name, label, *rest in parts)


def _square(path: Path) -> tuple[tuple[str, ...], Floats] | None:
    """Read a square CSV with names; None where it is absent."""
    if not path.exists():
        return None

    def parse(text: str) -> tuple[tuple[str, ...], Floats]:
        header, *body = rows_of(text)
        values = np.array([[float(cell) for cell in row[1:]] for row in body], dtype=np.float64)
        if values.shape != (len(header) - 1, len(header) - 1):
            raise ValueError(f"must be square but got {len(body)} rows and {len(header) - 1} columns")
        return tuple(header[1:]), values

    return parsed(path, parse)


def _aligned(path: Path, square: tuple[tuple[str, ...], Floats] | None, names: tuple[str, ...]) -> Floats | None:
    """Put the rows and columns of a square table into the order of the names."""
    if square is None:
        return None
    found = [_known(name, names) for name in square[0]]
    if sorted(found) != sorted(names):
        raise RunFolderError(
            f"{path}: its variables are not those of environment.json", "run the sweep's command again"
        )
    where = [found.index(name) for name in names]
    return square[1][np.ix_(where, where)]


def _known(cell: str, names: tuple[str, ...]) -> str:
    """Read a variable's name from a CSV cell, where it may carry the quote that guards formulas."""
    return plain if (plain := unguard(cell)) in names else cell


def _truth(path: Path, names: tuple[str, ...]) -> NDArray[np.bool_] | None:
    """Read the true graph's edge list; None where it is absent."""
    if not path.exists():
        return None
    place = {name: index for index, name in enumerate(names)}

    def parse(text: str) -> NDArray[np.bool_]:
        truth = np.zeros((len(names), len(names)), dtype=np.bool_)
        for row in rows_of(text)[1:]:
            cause, effect = (_known(cell, names) for cell in row)
            if cause not in place or effect not in place:
                raise ValueError(f"edge {cause!r} to {effect!r} names an unknown variable")
            truth[place[cause], place[effect]] = True
        return truth

    return parsed(path, parse)
