"""The command: `python -m studies.lambda_sweep`, from its arguments to the report.

Arguments, settings and data are checked before torch, optuna, pandas or matplotlib is imported.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from studies.arguments import build_parser, guarded, spec_from_arguments
from studies.as_program import all_is_imported, end_with
from sweeps.config import CPU
from sweeps.show import show_config

if TYPE_CHECKING:
    from argparse import Namespace

    from core.tables import Table
    from sweeps.spec import SweepSpec

INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


AFTER_ROUND = "Stopping after this round, then writing the report. Ctrl-C again to quit now."
AFTER_REPORT = "Stopping once the report is written. Ctrl-C again to quit now."


class Stop:
    """Turns the first signal into a request to stop after the round; a second one ends at once.

    message: what the first signal is answered with. say: who prints it.
    """

    def __init__(self) -> None:
        self.received, self.message = 0, AFTER_ROUND
        self.say: Callable[[str], None] = to_stderr
        for number in INTERRUPTED:
            signal.signal(number, self.take)

    def take(self, number: int, _: FrameType | None) -> None:
        """Note a signal."""
        if self.received:
            if sys.stderr.isatty():
                os.write(2, b"\n")  # what is typed next begins below the bar
            if "studies.processes" in sys.modules:
                from studies.processes import kill_workers

                kill_workers()
            os._exit(INTERRUPTED[signal.Signals(number)])
        self.received = number
        try:
            self.say(self.message)
        except RuntimeError:  # the signal came in the middle of another line
            os.write(2, f"{self.message}\n".encode())

    @property
    def exit_code(self) -> int:
        """Return the exit code of the signal received; 0 for none."""
        return INTERRUPTED[signal.Signals(self.received)] if self.received else 0


def to_stderr(line: str) -> None:
    """Print a line for people."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    return guarded(lambda: command(args, time.perf_counter()), debug=args.debug)


def command(args: "Namespace", begin: float) -> int:
    """Check everything that can be checked cheaply, then search and report."""
    spec = spec_from_arguments(args)
    if args.show_config:
        print(show_config(spec), end="")
        return 0
    from studies.clusters import check_cluster
    from studies.data import check_cycle, load_table, resolve_objective
    from studies.devices import check_device

    check_cluster(spec.backend)
    check_device(spec.backend)
    if args.storage is not None:
        from studies.store import check_store

        check_store(args.storage)
    table = load_table(spec.data)
    objective = resolve_objective(spec, table)
    check_cycle(spec, table)
    spec = replace(spec, search=replace(spec.search, objective=objective))
    if args.dry_run:
        return dry_run(args, spec, table)
    return search(args, spec, table, objective, begin)


def dry_run(args: "Namespace", spec: "SweepSpec", table: "Table") -> int:
    """Check the data too, say what is there already, estimate the time of what is left; write nothing."""
    from core.data import prepare
    from studies.run_names import run_name, run_path, trials_done

    dataset = prepare(table, spec.trainer)
    path = run_path(Path(args.out), run_name(spec.study, table.name, identity(spec, table)), fresh=args.fresh)
    from core.baselines import baseline_rows
    from studies.devices import device_name
    from studies.estimate import REPORT_SECONDS, estimate
    from studies.lines import baseline_line, count, data_line, duration, missing_line, more_baselines_line, space_line
    from studies.rounds import local_backend
    from studies.terminal import Terminal

    imported, done = time.process_time(), trials_done(path)
    found = estimate(spec, spec.search.objective, dataset, done)
    begin = time.process_time()
    baselines = baseline_rows(dataset, spec.trainer, found.trials, table)
    starts = 2 if found.jobs > 1 and local_backend(spec.backend.name, spec.trainer) == "loky" else 1
    around = imported * starts + time.process_time() - begin + REPORT_SECONDS
    say = Terminal(found.trials, quiet=False, verbose=False).say
    for line in (data_line(spec.study, table, spec.search.seed), missing_line(table), space_line(spec),
                 baseline_line(baselines), more_baselines_line(baselines), f"folder     {path}"):  # fmt: skip
        say(line)
    if done >= found.trials:
        say(f"finished: {done} of {found.trials} done; the report would be written again. Nothing was run.")
        return 0
    if done:
        say(f"continuing: {done} of {found.trials} done")
    if spec.backend.device != CPU:
        left = count(found.trials - done, "trial")
        say(f"{left} would be trained on {device_name(spec.backend)}, which is not timed here; nothing was run.")
        return 0
    known = spec.search.pruner in ("cohort", "none")
    say(
        f"{count(found.trials - done, 'trial')} of {spec.trainer.epochs} epochs would take "
        f"{'about' if known else 'at most about'} {duration(found.total(around))} on {count(found.jobs, 'job')} of an "
        f"idle machine: search {duration(found.search)}, fresh training {duration(found.fresh)}, start and report "
        f"{duration(around)}{', peers not counted' if args.peers else ''}; nothing was run."
    )
    return 0


def search(args: "Namespace", spec: "SweepSpec", table: "Table", objective: str, begin: float) -> int:
    """Open the run folder, search, confirm the winner, and write the report."""
    from core.data import prepare
    from studies.run_names import open_run, run_name

    dataset = prepare(table, spec.trainer)
    name = run_name(spec.study, table.name, identity(spec, table))
    folder = open_run(Path(args.out), name, list(spec.space), fresh=args.fresh)
    try:
        from reports.beside import drawing_beside
        from studies.rounds import Workers  # torch and optuna take seconds to import
        from studies.run import Run

        all_is_imported()
        stop = Stop()
        deadline = begin + 60.0 * spec.search.timeout if spec.search.timeout else None
        with ExitStack() as report:
            with Workers(spec.backend, dataset, spec.trainer, spec.search.lanes) as workers:
                run = Run(
                    spec, objective, table, dataset, folder, workers, quiet=args.quiet or args.json,
                    verbose=args.verbose, peers=args.peers, storage=args.storage,
                )  # fmt: skip
                stop.say = run.terminal.say_always
                run.search(
                    stop=lambda: bool(stop.received),
                    out_of_time=lambda: deadline is not None and time.perf_counter() > deadline,
                )
                if workers.jobs > 1:  # a core waits while the winner is trained again
                    report.enter_context(drawing_beside())
                summary = run.conclude(begin, lambda: bool(stop.received))
            stop.message = AFTER_REPORT
            run.report()
        run.close_store(same_command(sys.argv[1:]))
        return finish(args, run.folder.path, summary, stop)
    finally:
        folder.close()


def identity(spec: "SweepSpec", table: "Table") -> str:
    """Return the digest of all that defines a search: settings and data."""
    import hashlib

    return hashlib.sha256(f"{spec.identity()} {table.sha256}".encode()).hexdigest()


def same_command(words: list[str], module: str = "studies.lambda_sweep") -> str:
    """Return the command that continues this run: the same again, without --fresh, and a URL's password masked."""
    from studies.store import readable

    return shlex.join(["python", "-m", module, *(readable(word) for word in words if word != "--fresh")])


def finish(args: "Namespace", path: Path, summary: dict[str, Any], stop: Stop) -> int:
    """Print the last lines, open the report if asked, and return the exit code."""
    from studies.artefacts import as_json
    from studies.terminal import announce

    report, talks = path / "report.html", not args.quiet and not args.json
    if args.json:
        sys.stdout.write(as_json(summary))
    else:
        announce("Report", str(report), quiet=args.quiet)
    if summary["best"] is not None and talks:
        print(f"Run again   {summary['rerun_command']}", file=sys.stderr)
    if args.open:
        open_page(report)
    if summary["stopped_early"] and not args.quiet and (talks or stop.exit_code):
        print(f"Continue    {same_command(sys.argv[1:])}", file=sys.stderr)
    if stop.exit_code:
        return stop.exit_code
    return 0 if summary["best"] is not None else 4


def open_page(page: Path) -> None:
    """Show a page in the browser; where there is none, say so."""
    import webbrowser

    if webbrowser.open(page.absolute().as_uri()) is False:
        print(f"hint: no browser could be opened; the page is {page}", file=sys.stderr)


if __name__ == "__main__":
    end_with(main)
