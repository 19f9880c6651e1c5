"""The sweeps of a suite, one after the other, each in a run folder of its own."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from joblib.externals.loky.process_executor import BrokenProcessPool

from core.data import Dataset, prepare
from core.errors import GraphsweepError
from core.tables import Table
from studies.artefacts import as_json
from studies.data import check_cycle, load_table, resolve_objective
from studies.files import write_whole
from studies.lambda_sweep import Stop, identity
from studies.lines import count
from studies.records import write_rows
from studies.rounds import Workers
from studies.run import Run
from studies.run_folder import RunFolder
from studies.run_names import open_run, run_name
from studies.suite_table import PEER_COLUMNS, Row, dead, finished_summary, other_rows, own_rows, table, timed, written
from studies.terminal import Terminal
from sweeps.spec import SweepSpec
from sweeps.suite_spec import SWEEPS, Entry, SuiteSpec, resolved

FORMAT = 1
KNOWN = (GraphsweepError, BrokenProcessPool, MemoryError, ArithmeticError, np.linalg.LinAlgError)
"""What may end one sweep and leave the rest of the suite to go on."""


def folder_name(entry: Entry, seed: int, method: str, data: Table) -> str:
    """Return the name of a sweep's run folder, with a digest over all that defines it."""
    spec = entry.sweep(method, seed)
    return run_name(spec.study, data.name, identity(spec, data))


class SuiteRun:
    """One run of a suite in its folder.

    Args:
        spec: what is run. folder: the suite's, locked.
        stop: what a signal sets; the sweep in progress then ends after its round.
        quiet: say nothing. reports: write each sweep's own report.
    """

    def __init__(self, spec: SuiteSpec, folder: RunFolder, stop: Stop, *, quiet: bool, reports: bool) -> None:
        self.spec, self.folder, self.stop, self.reports = spec, folder, stop, reports
        self.say: Callable[[str], None] = Terminal(0, quiet=quiet, verbose=False, log=folder.path / "suite.log").say
        self.methods = [name for name in SWEEPS if name in spec.methods]
        self.total = len(spec.entries) * len(spec.seeds) * len(self.methods)
        self.rows: list[Row] = []
        self.place = self.finished = self.ran = 0
        self.tables: dict[str, Table] = {}

    def run(self) -> None:
        """Run what is missing, data set by data set; the tables on disk are those of what is done."""
        what = f"{count(len(self.spec.entries), 'data set')} x {count(len(self.spec.seeds), 'seed')}"
        self.say(f"{self.spec.study}: {what} x {' and '.join(self.methods)}: {count(self.total, 'sweep')}")
        self.say(f"folder     {self.folder.path}")
        for entry in self.spec.entries:
            for seed in self.spec.seeds:
                if self.stop.received:
                    return
                rows = self.pair(entry, seed)
                self.rows += [{"dataset": entry.name, "seed": seed, **row} for row in rows]
                self.write_tables()

    def pair(self, entry: Entry, seed: int) -> list[Row]:
        """Run the sweeps of one data set and seed; return their rows and those of the methods beside them."""
        own: list[Row] = []
        others: list[Row] = []
        for method in self.methods:
            if self.stop.received:
                break
            self.place += 1
            head = f"{self.place:>3}/{self.total} {entry.label}, seed {seed}, {method}:"
            try:
                found, path = self.sweep(entry, seed, method)
            except KNOWN as error:
                reason = error.message if isinstance(error, GraphsweepError) else f"{type(error).__name__}: {error}"
                own.append(dead(method, reason))
                self.say(f"{head} failed: {own[-1]['error']}")
                continue
            if found is None:
                break
            self.finished += 1
            own += own_rows(method, found, path)
            others = others or self.others(entry.sweep(method, seed), path, found)
            self.say(f"{head} {result(own, method)}, {found.get('search_seconds') or 0:.0f} s")
        return own + others

    def others(self, spec: SweepSpec, path: Path, summary: Row) -> list[Row]:
        """Return the rows of the methods beside ours, from what a sweep on the same data left in its folder.

        Peers are run once and kept in peers.csv; where one gave no graph, or was not installed, all are run again.
        """
        rows: list[Row] = []
        if "baselines" in self.spec.methods:
            rows = other_rows(timed(table(path / "baselines.csv"), summary.get("baselines") or {}), "baseline")
        if "peers" not in self.spec.methods:
            return rows
        known = table(path / "peers.csv")
        if not known or any(row.get("error") for row in known):
            from studies.peers import peer_rows  # runs what is installed of other people's learners

            data = load_table(spec.data)
            known = peer_rows(data, prepare(data, spec.trainer), spec.trainer)
            write_whole(path / "peers.csv", write_rows(known, PEER_COLUMNS))
        return rows + other_rows(known, "peer")

    def sweep(self, entry: Entry, seed: int, method: str) -> tuple[Row | None, Path]:
        """Return the summary and the folder of one sweep, run now if it has not come to its end before.

        Returns:
            No summary where a signal ended it before its end.
        """
        begin, spec = time.perf_counter(), entry.sweep(method, seed)
        data = load_table(spec.data)
        objective = resolve_objective(spec, data)
        check_cycle(spec, data)
        name = folder_name(entry, seed, method, data)
        known = finished_summary(self.folder.path / name)
        if known is not None:
            return known, self.folder.path / name
        self.ran += 1
        dataset = prepare(data, spec.trainer)
        folder = open_run(self.folder.path, name, list(spec.space), fresh=False)
        try:
            summary = self.search(spec, objective, data, dataset, folder, begin)
        finally:
            folder.close()
        cut = self.stop.received and summary["stopped_early"]
        return None if cut else summary, folder.path

    def search(
        self, spec: SweepSpec, objective: str, data: Table, dataset: Dataset, folder: RunFolder, begin: float
    ) -> Row:
        """Search as the single sweep's command does; its lines go to its own log only."""
        deadline = begin + 60.0 * spec.search.timeout if spec.search.timeout else None
        with Workers(spec.backend, dataset, spec.trainer, spec.search.lanes) as workers:
            run = Run(spec, objective, data, dataset, folder, workers, quiet=True, verbose=False)
            run.search(
                stop=lambda: bool(self.stop.received),
                out_of_time=lambda: deadline is not None and time.perf_counter() > deadline,
            )
            summary = run.conclude(begin, lambda: bool(self.stop.received))
            if self.reports:
                run.report()
            return summary

    def write_facts(self, tables: dict[str, Table]) -> None:
        """Write what is known before the first sweep: the settings, and what each data set is."""
        settings = yaml.safe_dump(resolved(self.spec), sort_keys=False, allow_unicode=True)
        self.folder.write("suite.yaml", settings)
        self.tables = tables

    def write_tables(self) -> None:
        """Write suite.csv, summary.csv and suite.json, as far as the sweeps have come."""
        entries = self.spec.entries
        written(self.folder.write, self.rows, {entry.name: entry.label for entry in entries})
        facts = {
            "format": FORMAT,
            "study": self.spec.study,
            "seeds": list(self.spec.seeds),
            "methods": list(self.spec.methods),
            "trials": self.spec.shared.search.trials,
            "sweeps": self.total,
            "finished": self.finished,
            "failed": sum(row["group"] == "ours" and bool(row.get("error")) for row in self.rows),
            "datasets": [
                {
                    "name": entry.name, "label": entry.label, "skeleton": entry.skeleton,
                    "goals": entry.goals.given(), "facts": facts_of(self.tables[entry.name]),
                }
                for entry in entries
            ],
        }  # fmt: skip
        self.folder.write("suite.json", as_json(facts))


def facts_of(data: Table) -> str:
    """Say what a data set is, as drawn or read by the first seed."""
    missing = float(np.isnan(data.values).mean())
    known = "no true graph" if data.truth is None else count(int(data.truth.sum()), "true edge")
    return f"{len(data.values):,} rows, {count(len(data.names), 'variable')}, {known}, {100 * missing:.0f} % missing"


def result(rows: list[Row], method: str) -> str:
    """Say in a few words how a sweep's winner did."""
    row = next((row for row in rows if row["method"] == f"ours_{method}"), {})
    if row.get("error") or row.get("f1") is None:
        return str(row.get("error") or "no score")
    known = "" if row.get("true_edge_count") is None else f"/{row['true_edge_count']}"
    return f"F1 {row['f1']:.2f}, SHD {row['shd']}, edges {row['edge_count']}{known}"
