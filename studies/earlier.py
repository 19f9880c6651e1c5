"""Runs of the same settings whose data file has changed since: they are other runs, and a person should know."""

from pathlib import Path

from core.errors import GraphsweepError
from core.run_format import environment
from core.tables import Table
from sweeps.spec import SweepSpec, load_spec


def of_other_data(folder: Path, spec: SweepSpec, table: Table) -> list[str]:
    """Say which runs beside a new one had its settings, but another content of the data or graph file.

    The content is part of what names a run's folder, so a changed file starts a run of its own.

    Args:
        folder: of the new run; spec: its settings; table: what it learns from.

    Returns:
        one line a run, without its end.
    """
    stem = f"{spec.study}-{table.name}-"
    return [
        f"{table.source} has changed since {path} began (sha256 {then[:12]} then, {table.sha256[:12]} now): "
        "this is a new run"
        for path in sorted(folder.parent.glob(f"{stem}*"))
        if path != folder and (then := sha256(path)) not in ("", table.sha256) and has_settings(path, spec)
    ]


def sha256(path: Path) -> str:
    """Return the digest of a run's data; "" where it is not known."""
    data = environment(path).get("data")
    return str(data.get("sha256") or "") if isinstance(data, dict) else ""


def has_settings(path: Path, spec: SweepSpec) -> bool:
    """Tell whether a run has these settings."""
    try:
        return load_spec(str(path / "sweep.yaml"), []).identity() == spec.identity()
    except GraphsweepError:
        return False
