"""A whole run: facts, search, the winner on fresh seeds, its artefacts, summary and report."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.baselines import baseline_rows
from core.config import BUILT_IN, Hyperparameters
from core.data import Dataset
from core.delimited import shown
from core.duplicates import duplicated
from core.results import Outcome, finish
from core.tables import Table
from studies import artefacts
from studies.advice import advice
from studies.as_program import all_is_imported
from studies.choice import best_row, leader
from studies.confirm import Fresh, train
from studies.data import check_cycle
from studies.earlier import of_other_data
from studies.fresh import DATA_COLUMNS, EDGE_COLUMNS, FRESH_COLUMNS, Picks, edge_rows, fresh_rows
from studies.fresh_training import FreshTraining
from studies.lines import (
    baseline_line,
    closing_lines,
    copies_line,
    count,
    data_line,
    edge_warnings,
    missing_line,
    more_baselines_line,
    space_line,
)
from studies.peers import peer_rows
from studies.records import write_rows
from studies.rounds import Workers
from studies.run_folder import RunFolder
from studies.summary import summary
from studies.sweep import Sweep
from studies.terminal import Terminal
from sweeps.show import dump_yaml
from sweeps.spec import SweepSpec

if TYPE_CHECKING:
    from studies.mirror import Mirror

STORE = "confirm/trained.pt"
BASELINE_COLUMNS = (
    "name", "label", "oracle", "shd", "shd_directed", "f1", "precision", "recall", "skeleton_f1", "edge_count",
    "f1_high", "var_sortability", "r2_sortability", "note", "error",
)  # fmt: skip


class Run:
    """One run in its folder.

    Args:
        spec, objective: what is searched; table, dataset: what is learned from.
        folder: open and locked; workers: started.
        quiet, verbose: how much the terminal says.
        peers: whether other people's learners are run on the data too.
        storage: URL of a team's store, or None.
    """

    def __init__(
        self, spec: SweepSpec, objective: str, table: Table, dataset: Dataset, folder: RunFolder, workers: Workers,
        *, quiet: bool, verbose: bool, peers: bool = False, storage: str | None = None,
    ) -> None:  # fmt: skip
        self.spec, self.objective, self.table, self.dataset = spec, objective, table, dataset
        self.folder, self.workers = folder, workers
        self.terminal = Terminal(spec.search.trials, quiet=quiet, verbose=verbose, log=folder.path / "sweep.log")
        self.sweep: Sweep | None = None
        self.baselines: list[dict[str, Any]] = []
        self.confirm_seconds = 0.0
        self.peers = peers
        self.mirror: Mirror | None = None
        if storage is not None:
            from studies import mirror  # SQLAlchemy takes a while to import

            facts = {"dataset": table.name, "objective": objective, "seed": str(spec.search.seed)}
            self.mirror = mirror.Mirror(storage, folder, facts)
        if workers.cluster:
            workers.cluster.say = self.terminal.say

    def search(self, stop: Callable[[], bool], out_of_time: Callable[[], bool]) -> None:
        """Print the facts and search, from where an earlier process left it."""
        self.sweep = Sweep(
            self.spec, self.objective, self.dataset, self.workers, self.folder, self.terminal, stop, out_of_time
        )
        if self.mirror is not None:
            self.sweep.mirrored = self.mirror.offer
        saved = self.folder.load()
        if saved is None:
            (self.folder.path / STORE).unlink(missing_ok=True)
        else:
            self.sweep.restore(saved)
        self.terminal.budget = self.sweep.search.budget()
        self.baselines = baseline_rows(self.dataset, self.spec.trainer, self.terminal.budget, self.table)
        if self.peers:
            self.baselines += peer_rows(self.table, self.dataset, self.spec.trainer)
        self.describe()
        self.write_facts()
        if saved is not None:
            self.terminal.best = leader(saved.trials, self.objective)
            done = f"{len(saved.trials)} of {self.terminal.budget} done"
            over = len(saved.trials) >= self.terminal.budget
            self.terminal.say(f"finished: {done}; the report is written again" if over else f"continuing: {done}")
        self.terminal.open_bar(len(self.sweep.trials), self.terminal.budget, self.sweep.share())
        try:
            self.sweep.run()
        finally:
            self.terminal.close_bar()
        if len(self.sweep.trials) < self.terminal.budget and out_of_time() and not stop():
            done = f"{len(self.sweep.trials)} of {count(self.terminal.budget, 'trial')} done"
            self.terminal.say(f"timeout    {done} in {self.spec.search.timeout:g} min; the same command continues")

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
        say(copies_line(duplicated(self.dataset)))
        say(space_line(self.spec))
        say(baseline_line(self.baselines))
        say(more_baselines_line(self.baselines))
        for row in self.baselines:
            if row.get("error"):
                say(f"warning: {row['label']} gave no graph: {row['error']}")
        say(f"folder     {self.folder.path}")
        for line in [*self.folder.repairs, *self.changed_data()]:
            say(f"warning: {line}")
        assert self.sweep is not None
        for line in advice(self.spec, self.dataset, self.sweep.search.grid):
            say(line)

    def changed_data(self) -> list[str]:
        """Say of a new run which earlier ones had its settings and other data."""
        assert self.sweep is not None
        return [] if self.sweep.search.asked else of_other_data(self.folder.path, self.spec, self.table)

    def write_facts(self) -> None:
        """Write what is known before the first trial."""
        self.folder.write("sweep.yaml", dump_yaml(self.spec))
        now = artefacts.environment(self.spec, self.table, self.dataset)
        self.folder.write("environment.json", artefacts.as_json(self.environment(now)))
        self.folder.write("baselines.csv", write_rows(self.baselines, BASELINE_COLUMNS))
        if self.dataset.truth is not None:
            self.folder.write("graph.csv", artefacts.graph_csv(self.dataset))

    def environment(self, now: dict[str, Any]) -> dict[str, Any]:
        """Return what environment.json is to say where a run is continued somewhere else, and say it.

        Of a finished search it keeps saying where that was done; else it says in `earlier` which trials were
        begun under other versions or on another processor.
        """
        assert self.sweep is not None
        begun = self.sweep.search.asked
        then = artefacts.recorded(self.folder.path) if begun else {}
        changes = [name for name in artefacts.SURROUNDINGS if name in then and then[name] != now[name]]
        earlier = [str(then["earlier"])] if then.get("earlier") else []
        if changes and len(self.sweep.trials) < self.sweep.search.budget():
            was = ", ".join(f"{name} {then[name]}" for name in changes)
            earlier.append(f"trials 0 to {begun - 1} were begun with {was}")
            told = "; ".join(artefacts.differences(then, now))
            self.terminal.say(f"warning: {told}: what is trained from here on may differ in the last digits")
        elif changes:
            now = {**now, **{name: then[name] for name in changes}}
        return {**now, "earlier": "; ".join(earlier)} if earlier else now

    def conclude(self, begin: float, stop: Callable[[], bool]) -> dict[str, Any]:
        """Write the winner's files, try winner and blind pick again, write and return the summary.

        Args:
            begin: when the command began, on `time.perf_counter`.
            stop: asked before every round; True means that nothing is trained any more.
        """
        assert self.sweep is not None
        trials = self.sweep.trials
        picks = self.picks()
        fresh: list[Fresh] | None = []
        for name in ("seeds.csv", "data.csv", "edges.csv"):
            (self.folder.path / "confirm" / name).unlink(missing_ok=True)
        if picks is not None:
            outcome = self.write_best(picks.winner)
            if self.spec.search.confirm:
                fresh = None if stop() else self.confirm(picks, outcome, stop)
        best = picks and picks.winner
        found = summary(self, picks, fresh)
        found["wall_seconds"] = round(time.perf_counter() - begin, 2)
        self.folder.write_checksums(row["number"] for row in trials)
        self.folder.write("summary.json", artefacts.as_json(found))
        for line in [*closing_lines(found, trials), *edge_warnings(best, self.spec)]:
            self.terminal.say(line)
        return found

    def report(self) -> None:
        """Write the report, and put its picture of the best graph beside the graph's numbers."""
        from reports import beside

        beside.begin(self.folder.path)
        from reports.page import write_report  # matplotlib and pandas take half a second to import

        all_is_imported()
        write_report(self.folder.path)
        picture = self.folder.path / "figures" / "best_graph.png"
        if picture.exists():
            self.folder.write("best/graph.png", picture.read_bytes())

    def close_store(self, command: str) -> None:
        """Say whether the team's store has all that there is, or that `command` would bring it there."""
        for line in [] if self.mirror is None else self.mirror.close(command):
            self.terminal.say(line)

    def picks(self) -> Picks | None:
        """Return the winner and the blind pick; None where no trial completed."""
        assert self.sweep is not None
        best, blind = (best_row(self.sweep.trials, objective) for objective in (self.objective, "blind"))
        return None if best is None or blind is None else Picks(best, blind, self.objective)

    def confirm(self, picks: Picks, outcome: Outcome, stop: Callable[[], bool]) -> list[Fresh] | None:
        """Train winner and blind pick on fresh seeds and data sets, and write confirm/; None if stopped before the end.

        What an earlier process trained is not trained again.
        """
        assert self.sweep is not None
        rows = {row["number"]: row for row in (picks.winner, picks.blind)}
        hyper = {number: Hyperparameters(**self.sweep.params(row)) for number, row in rows.items()}
        seeds = self.spec.search.confirm
        more = f" and {count(seeds, 'fresh data set')}" if self.spec.data.name in BUILT_IN else ""
        trials = " and ".join(f"trial {number}" for number in hyper)
        store = self.folder.path / STORE
        training = FreshTraining(
            hyper, self.spec.search.seed, seeds, self.spec.data, self.dataset, self.workers, store
        )  # fmt: skip
        done = f", {math.floor(100 * training.share())} % done" if training.seconds else ""
        if training.pieces:
            self.terminal.say(f"confirm    {trials} again, on {count(seeds, 'fresh seed')}{more}{done}")
            self.terminal.open_bar(len(training.done), len(training.wanted), training.share())
        try:
            fresh = training.run(stop, self.terminal.fresh_round_ended)
        finally:
            self.terminal.close_bar()
        self.confirm_seconds = training.seconds
        if fresh is None:
            return None
        own = [item for item in fresh if item.data_seed is None]
        graph = outcome.blind_graph if self.objective == "blind" else outcome.graph
        edges = edge_rows(own, picks, graph, self.dataset.truth, self.dataset.names)
        self.folder.write("confirm/seeds.csv", write_rows(fresh_rows(own, picks), FRESH_COLUMNS))
        self.folder.write("confirm/edges.csv", write_rows(edges, EDGE_COLUMNS))
        if len(own) < len(fresh):
            data = [item for item in fresh if item.data_seed is not None]
            self.folder.write("confirm/data.csv", write_rows(fresh_rows(data, picks), DATA_COLUMNS))
        return fresh

    def write_best(self, best: dict[str, Any]) -> Outcome:
        """Write best/; return what the winner came to. A winner that never led is trained again, bit for bit."""
        assert self.sweep is not None
        assert self.sweep.best is not None
        lanes = self.sweep.best
        if int(lanes.trial[0]) != best["number"]:
            again = [(best["number"], best["seed"], Hyperparameters(**self.sweep.params(best)))]
            lanes = train(again, self.dataset, self.workers, best["epochs"])[0].lanes
        outcome = finish(lanes, self.dataset, self.spec.trainer)[0]
        if outcome.numbers["weights_hash"] != best["weights_hash"]:
            self.terminal.say(
                f"warning: trial {best['number']} came out differently here; best/ holds what it gives now"
            )
        log = [row for row in self.sweep.epochs if row["trial"] == best["number"]]
        artefacts.write_trial(self.folder.path / "best", best, log, lanes, outcome, self.spec, self.dataset.names)
        return outcome
