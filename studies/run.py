"""A whole run: facts, search, the winner on fresh seeds, its artefacts, summary and report."""

import math
import shlex
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from core.baselines import baseline_rows
from core.chance import chance_f1, hypergeometric_p
from core.data import Dataset
from core.delimited import shown
from core.results import finish
from core.tables import Table
from studies import artefacts
from studies.confirm import SEED_COLUMNS, confirm, fresh_seeds, summary_of
from studies.data import check_cycle
from studies.records import COMPLETE, FAILED, PRUNED, write_rows
from studies.rounds import Workers
from studies.run_folder import FORMAT, RunFolder
from studies.sweep import Sweep, best_row
from studies.terminal import (
    Terminal,
    baseline_line,
    closing_lines,
    count,
    data_line,
    edge_warnings,
    missing_line,
    space_line,
)
from sweeps.show import dump_yaml
from sweeps.spec import SweepSpec

BASELINE_COLUMNS = (
    "name",
    "label",
    "oracle",
    "shd",
    "shd_directed",
    "f1",
    "precision",
    "recall",
    "skeleton_f1",
    "edge_count",
    "f1_high",
    "note",
)


class Run:
    """One run in its folder.

    Args:
        spec, objective: what is searched; table, dataset: what is learned from.
        folder: open and locked; workers: started.
        quiet, verbose: how much the terminal says.
    """

    def __init__(
        self, spec: SweepSpec, objective: str, table: Table, dataset: Dataset, folder: RunFolder, workers: Workers,
        *, quiet: bool, verbose: bool,
    ) -> None:  # fmt: skip
        self.spec, self.objective, self.table, self.dataset = spec, objective, table, dataset
        self.folder, self.workers = folder, workers
        self.terminal = Terminal(spec.search.trials, quiet=quiet, verbose=verbose, log=folder.path / "sweep.log")
        self.sweep: Sweep | None = None
        self.baselines: list[dict[str, Any]] = []

    def search(self, stop: Callable[[], bool], out_of_time: Callable[[], bool]) -> None:
        """Print the facts and search, from where an earlier process left it."""
        self.sweep = Sweep(
            self.spec, self.objective, self.dataset, self.workers, self.folder, self.terminal, stop, out_of_time
        )
        self.terminal.budget = self.sweep.search.budget()
        self.baselines = baseline_rows(self.dataset, self.spec.trainer, self.terminal.budget)
        self.describe()
        self.write_facts()
        saved = self.folder.load()
        if saved is not None:
            self.sweep.restore(saved)
            self.terminal.best = best_row(saved.trials, self.objective)
            done = f"{len(saved.trials)} of {self.terminal.budget} done"
            over = len(saved.trials) >= self.terminal.budget
            self.terminal.say(f"finished: {done}; the report is written again" if over else f"continuing: {done}")
        self.terminal.open_bar()
        try:
            self.sweep.run()
        finally:
            self.terminal.close_bar()

    def describe(self) -> None:
        """Print what is learned from, searched, and to be beaten."""
        say = self.terminal.say
        say(data_line(self.spec.study, self.table, self.spec.search.seed))
        say(missing_line(self.table))
        for note in self.table.notes:
            say(f"data       {note}")
        say(check_cycle(self.spec, self.table))
        for name, reason in self.dataset.unusable.items():
            say(f"warning: {shown(name)} is kept out of the loss: {reason}")
        say(space_line(self.spec))
        say(baseline_line(self.baselines))
        say(f"folder     {self.folder.path}")
        for line in self.advice():
            say(line)

    def advice(self) -> list[str]:
        """Say what about the data and the settings does not fit together."""
        lines = []
        if self.spec.trainer.max_lag > 0 and not remembers(self.dataset):
            lines.append("warning: no variable depends on its own past, as if the rows had no time")
            lines.append("hint: for independent rows use --set trainer.max_lag=0")
        if self.terminal.budget < self.spec.search.trials:
            points, asked = count(self.terminal.budget, "point"), self.spec.search.trials
            lines.append(f"warning: the grid has {points}, so {asked} trials are not needed")
        return lines

    def write_facts(self) -> None:
        """Write what is known before the first trial."""
        self.folder.write("sweep.yaml", dump_yaml(self.spec))
        self.folder.write(
            "environment.json", artefacts.as_json(artefacts.environment(self.spec, self.table, self.dataset))
        )
        self.folder.write("baselines.csv", write_rows(self.baselines, BASELINE_COLUMNS))
        if self.dataset.truth is not None:
            self.folder.write("graph.csv", artefacts.graph_csv(self.dataset))

    def conclude(self, begin: float, *, interrupted: bool) -> dict[str, Any]:
        """Try the winner on fresh seeds, write its artefacts, the summary and the report; return the summary."""
        assert self.sweep is not None
        trials = self.sweep.trials
        best = best_row(trials, self.objective)
        fresh: list[dict[str, Any]] = []
        (self.folder.path / "confirm" / "seeds.csv").unlink(missing_ok=True)
        if best is not None:
            self.write_best(best)
            if self.spec.search.confirm and not interrupted:
                seeds = fresh_seeds(self.spec.search.seed, best["number"], self.spec.search.confirm)
                fresh = confirm(best["number"], self.sweep.params(best), seeds, self.dataset, self.workers)
                self.folder.write("confirm/seeds.csv", write_rows(fresh, SEED_COLUMNS))
        summary = self.summary(best, fresh, interrupted)
        summary["wall_seconds"] = round(time.perf_counter() - begin, 2)
        self.folder.write("summary.json", artefacts.as_json(summary))
        for line in [*closing_lines(summary, trials), *edge_warnings(best, self.spec)]:
            self.terminal.say(line)
        from reports.page import write_report  # matplotlib and pandas take a second to import

        write_report(self.folder.path)
        self.copy_graph()
        return summary

    def write_best(self, best: dict[str, Any]) -> None:
        """Write best/."""
        assert self.sweep is not None
        assert self.sweep.best is not None
        outcome = finish(self.sweep.best, self.dataset, self.spec.trainer)[0]
        log = [row for row in self.sweep.epochs if row["trial"] == best["number"]]
        artefacts.write_trial(
            self.folder.path / "best", best, log, self.sweep.best, outcome, self.spec, self.dataset.names
        )

    def copy_graph(self) -> None:
        """Put the picture of the best graph beside its numbers."""
        picture = self.folder.path / "figures" / "best_graph.png"
        if picture.exists():
            self.folder.write("best/graph.png", picture.read_bytes())

    def summary(self, best: dict[str, Any] | None, fresh: list[dict[str, Any]], interrupted: bool) -> dict[str, Any]:
        """Return summary.json."""
        assert self.sweep is not None
        trials, spec, path = self.sweep.trials, self.spec, self.folder.path
        states = [row["state"] for row in trials]
        complete = [row for row in trials if row["state"] == COMPLETE]
        blind = min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)
        named = {row["name"]: {key: row.get(key) for key in ("shd", "f1", "edge_count")} for row in self.baselines}
        return {
            "format": FORMAT,
            "study": spec.study,
            "dataset": self.table.name,
            "seed": spec.search.seed,
            "objective": self.objective,
            "budget": self.sweep.search.budget(),
            "trials": len(trials),
            "complete": states.count(COMPLETE),
            "pruned": states.count(PRUNED),
            "failed": states.count(FAILED),
            "stopped_early": interrupted or len(trials) < self.sweep.search.budget(),
            "search_seconds": round(self.sweep.seconds, 3),
            "wall_seconds": 0.0,
            "pruning_saved_seconds": round(saved_seconds(trials, spec.trainer.epochs), 3),
            "report": str(path / "report.html"),
            "rerun_command": f"python -m studies.rerun {shlex.quote(str(path))}",
            "best": None if best is None else {**self.named(best), **self.luck(best)},
            "blind": None if blind is None else self.named(blind),
            "baselines": named,
            "confirm": summary_of(fresh),
        }

    def named(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with the columns of trials.csv, in their order."""
        return {name: row.get(name) for name in self.folder.columns}

    def luck(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what chance would have given with as many edges; empty without a true graph."""
        if row["val_shd"] is None:
            return {"chance_f1": None, "chance_p": None}
        d, edges, known = len(self.dataset.names), row["edge_count"], row["true_edge_count"]
        hits = round((edges + known - row["val_shd_directed"]) / 2)
        return {"chance_f1": chance_f1(edges, known, d), "chance_p": hypergeometric_p(hits, edges, known, d)}


def saved_seconds(trials: list[dict[str, Any]], epochs: int) -> float:
    """Return the training time that pruning saved: epochs not run, at each trial's own seconds an epoch."""
    pruned = [row for row in trials if row["state"] == PRUNED]
    return math.fsum((epochs - row["epochs"]) * row["seconds"] / row["epochs"] for row in pruned)


def remembers(dataset: Dataset) -> bool:
    """Tell whether some variable follows its own last value, beyond what chance allows."""
    for column in range(len(dataset.names)):
        seen = dataset.observed[1:, column] & dataset.observed[:-1, column] & (np.diff(dataset.block) == 0)
        now, before = dataset.values[1:, column][seen], dataset.values[:-1, column][seen]
        varies = len(now) > 10 and now.std() > 0 and before.std() > 0
        if varies and abs(float(np.corrcoef(now, before)[0, 1])) > 4.0 / len(now) ** 0.5:
            return True
    return False
