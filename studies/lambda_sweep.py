"""The command: `python -m studies.lambda_sweep`, from its arguments to the report.

Arguments, settings and data are checked before torch, optuna, pandas or matplotlib is imported.
"""

import shlex
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from core.errors import GraphsweepError
from studies.arguments import build_parser, print_error, spec_from_arguments
from sweeps.show import show_config

if TYPE_CHECKING:
    from argparse import Namespace

    from core.data import Dataset
    from core.tables import Table
    from sweeps.spec import SweepSpec

INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


class Stop:
    """Turns the first signal into a request to stop after the round; a second one ends at once."""

    def __init__(self) -> None:
        self.received = 0
        for number in INTERRUPTED:
            signal.signal(number, self.take)

    def take(self, number: int, _: FrameType | None) -> None:
        """Note a signal."""
        if self.received:
            import os

            os._exit(INTERRUPTED[signal.Signals(number)])
        self.received = number
        print("Stopping after this round, then writing the report. Ctrl-C again to quit now.", file=sys.stderr)

    @property
    def exit_code(self) -> int:
        """Return the exit code of the signal received; 0 for none."""
        return INTERRUPTED[signal.Signals(self.received)] if self.received else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    try:
        return command(args, time.perf_counter())
    except KeyboardInterrupt:  # before the first round; afterwards signals are requests
        return INTERRUPTED[signal.SIGINT]
    except GraphsweepError as error:
        if args.debug:
            traceback.print_exc()
        print_error(error, sys.stderr)
        return error.exit_code


def command(args: "Namespace", begin: float) -> int:
    """Check everything that can be checked cheaply, then search and report."""
    spec = spec_from_arguments(args)
    if args.show_config:
        print(show_config(spec), end="")
        return 0
    from studies.data import check_cycle, load_table, resolve_objective

    table = load_table(spec.data)
    objective = resolve_objective(spec, table)
    check_cycle(spec, table)
    spec = replace(spec, search=replace(spec.search, objective=objective))
    if args.dry_run:
        return dry_run(spec, table)
    return search(args, spec, table, objective, begin)


def dry_run(spec: "SweepSpec", table: "Table") -> int:
    """Check the data too, time one round, and say what the sweep would take; write nothing."""
    from core.data import prepare
    from studies.terminal import count, data_line, missing_line, space_line

    seconds, budget, jobs = estimate(spec, prepare(table, spec.trainer))
    for line in (data_line(spec.study, table, spec.search.seed), missing_line(table), space_line(spec)):
        if line:
            print(line, file=sys.stderr)
    print(
        f"{count(budget, 'trial')} of {spec.trainer.epochs} epochs would take about {seconds:.0f} s of search on "
        f"{count(jobs, 'job')} without pruning; nothing was run.",
        file=sys.stderr,
    )
    return 0


def estimate(spec: "SweepSpec", dataset: "Dataset") -> tuple[float, int, int]:
    """Time one round; return the seconds that the search would take without pruning, its trials and its jobs."""
    from core.config import Hyperparameters
    from core.trainer import advance, start
    from studies.rounds import cores, one_thread
    from studies.search import Search

    one_thread()
    budget = Search(spec, "blind").budget()
    lanes = start(
        [(n, n, Hyperparameters()) for n in range(max(2, min(spec.search.lanes, budget)))], dataset, spec.trainer
    )
    lanes, _ = advance(lanes, dataset, spec.trainer)
    begin = time.perf_counter()
    advance(lanes, dataset, spec.trainer)
    each = (time.perf_counter() - begin) / len(lanes.trial) / spec.trainer.evaluate_every
    jobs = min(spec.backend.jobs or cores(), cores())
    return each * spec.trainer.epochs * budget / jobs, budget, jobs


def search(args: "Namespace", spec: "SweepSpec", table: "Table", objective: str, begin: float) -> int:
    """Open the run folder, search, confirm the winner, and write the report."""
    from core.data import prepare
    from studies.run_folder import open_run, run_name

    dataset = prepare(table, spec.trainer)
    name = run_name(spec.study, table.name, identity(spec, table))
    folder = open_run(Path(args.out), name, list(spec.space), fresh=args.fresh)
    try:
        from studies.rounds import Workers  # torch and optuna take seconds to import
        from studies.run import Run

        stop = Stop()
        deadline = begin + 60.0 * spec.search.timeout if spec.search.timeout else None
        with Workers(spec.backend, dataset, spec.trainer) as workers:
            run = Run(
                spec, objective, table, dataset, folder, workers, quiet=args.quiet or args.json, verbose=args.verbose,
                peers=args.peers,
            )  # fmt: skip
            run.search(
                stop=lambda: bool(stop.received),
                out_of_time=lambda: deadline is not None and time.perf_counter() > deadline,
            )
            summary = run.conclude(begin, interrupted=bool(stop.received))
        return finish(args, run.folder.path, summary, stop)
    finally:
        folder.close()


def identity(spec: "SweepSpec", table: "Table") -> str:
    """Return the digest of all that defines a search: settings and data."""
    import hashlib

    return hashlib.sha256(f"{spec.identity()} {table.sha256}".encode()).hexdigest()


def same_command(words: list[str], module: str = "studies.lambda_sweep") -> str:
    """Return the command that continues this run: the same again, without --fresh."""
    return shlex.join(["python", "-m", module, *(word for word in words if word != "--fresh")])


def finish(args: "Namespace", path: Path, summary: dict[str, Any], stop: Stop) -> int:
    """Print the last lines, open the report if asked, and return the exit code."""
    from studies.artefacts import as_json
    from studies.terminal import announce

    report = path / "report.html"
    if stop.exit_code and not args.quiet:
        print(f"Continue    {same_command(sys.argv[1:])}", file=sys.stderr)
    if args.json:
        sys.stdout.write(as_json(summary))
    else:
        announce("Report", str(report), quiet=args.quiet)
    if not args.quiet and not args.json and summary["best"] is not None:
        print(f"Run again   {summary['rerun_command']}", file=sys.stderr)
    if args.open:
        import webbrowser

        webbrowser.open(report.absolute().as_uri())
    if stop.exit_code:
        return stop.exit_code
    return 0 if summary["best"] is not None else 4


if __name__ == "__main__":
    sys.exit(main())
