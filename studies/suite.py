"""The command: `python -m studies.suite`, sweeps over a list of data sets and seeds, one table and one page.

Every sweep is an ordinary run folder inside the suite's. A sweep that came to its end is not run again, one
that was cut off continues by its own records, and the tables are made anew from the folders: a suite that was
killed and continued gives the tables of the undisturbed one. They hold what the command asked for, no more:
`--only` and `--seeds` narrow the tables too, and the whole suite's come back as fast as its sweeps are found.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studies.arguments import CommandParser, guarded, key_value
from studies.as_program import end_with
from studies.clusters import check_cluster
from studies.devices import check_device
from studies.lambda_sweep import Stop
from studies.study_command import add_output, held_folder, last_lines
from sweeps.suite_reader import load_suite
from sweeps.suite_spec import SWEEPS, SuiteSpec, resolved

if TYPE_CHECKING:
    from argparse import Namespace

    from core.tables import Table
    from studies.suite_run import SuiteRun

OPTIONS = {"--trials": "search.trials", "--jobs": "backend.jobs"}
EXAMPLES = """\
examples:
  python -m studies.suite --dry-run
  python -m studies.suite --only tanh --seeds 2
"""


def build_parser() -> CommandParser:
    """The parser of `python -m studies.suite`."""
    parser = CommandParser(
        prog="python -m studies.suite",
        usage="%(prog)s [options]",
        description="Run sweeps over many data sets and seeds, and set every method beside ours.\n"
        "The same command again continues: finished sweeps are not run again.",
        epilog=EXAMPLES,
        add_help=False,
    )
    what = parser.add_argument_group("what is run")
    what.add_argument(
        "-c", "--config", metavar="FILE", default="suite", help="suite's file, or suite, suite_smoke (suite)"
    )
    what.add_argument(
        "--only", metavar="NAME", action="append", default=[],
        help="this data set, else those with NAME in name or label; repeatable",
    )  # fmt: skip
    what.add_argument("--seeds", metavar="K", type=int, help="the first K seeds of the file (all)")
    what.add_argument("-n", "--trials", metavar="N", help="trials of a sweep (as in the file)")
    what.add_argument(
        "--set", metavar="KEY=VALUE", action="append", type=key_value, default=[],
        help="change one setting for all data sets, such as trainer.epochs=40",
    )  # fmt: skip
    what.add_argument("--show-config", action="store_true", help="print all settings, then exit")
    where = add_output(parser, "list the sweeps, estimate the time, run nothing")
    where.add_argument("-j", "--jobs", metavar="N", help="workers; 0: one a core (0)")
    where.add_argument("--reports", action="store_true", help="write each sweep's own report too, about 3 s each")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    return guarded(lambda: command(args), debug=args.debug)


def command(args: "Namespace") -> int:
    """Check all that can be checked cheaply, every data set once among it; then run, or say what would be run."""
    given = [(option, key, getattr(args, option[2:])) for option, key in OPTIONS.items()]
    spec = load_suite(args.config, args.set, [item for item in given if item[2] is not None])
    spec = spec.chosen(args.only, args.seeds)
    if args.show_config:
        import yaml

        print(yaml.safe_dump(resolved(spec), sort_keys=False, allow_unicode=True), end="")
        return 0
    check_cluster(spec.shared.backend)
    check_device(spec.shared.backend)
    tables = first_tables(spec)
    path = Path(args.out) / f"{spec.study}-{spec.identity()[:6]}"
    if args.dry_run:
        return dry_run(args, spec, path, tables)
    return run(args, spec, path, tables)


def first_tables(spec: SuiteSpec) -> dict[str, "Table"]:
    """Draw or read every data set once, by the first seed.

    Raises:
        InputError: one cannot be used; says which and why.
    """
    from core.data import prepare
    from core.errors import InputError, InputErrors
    from studies.data import check_cycle, load_table, resolve_objective

    tables, errors = {}, []
    for entry in spec.entries:
        try:
            tables[entry.name] = table = load_table(entry.sweep("oracle", spec.seeds[0]).data)
            check_cycle(entry.spec, table)
            prepare(table, entry.spec.trainer)
            for method in set(SWEEPS) & set(spec.methods):
                resolve_objective(entry.sweep(method, spec.seeds[0]), table)
        except InputError as error:
            errors.append(InputError(f"data set `{entry.name}`: {error.message}", error.hint))
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)
    return tables


def dry_run(args: "Namespace", spec: SuiteSpec, path: Path, tables: dict[str, "Table"]) -> int:
    """Say which sweeps there are and are left, time one round of each data set, and write nothing."""
    from core.data import prepare
    from studies.data import load_table, resolve_objective
    from studies.estimate import REPORT_SECONDS, estimate
    from studies.lines import count, duration
    from studies.suite_run import folder_name
    from studies.suite_table import finished_summary

    methods, whole, all_left = [name for name in SWEEPS if name in spec.methods], 0.0, 0
    for entry in spec.entries:
        left = []
        for seed in spec.seeds:
            table = load_table(entry.sweep(methods[0], seed).data)
            for method in methods:
                name = folder_name(entry, seed, method, table)
                state = "done" if finished_summary(path / name) else "begun" if (path / name).exists() else ""
                print(f"{entry.label}, seed {seed}, {method:<7} {path / name} {state}".rstrip(), file=sys.stderr)
                left += [] if state == "done" else [name]
        seconds = 0.0
        for method in methods if left else ():
            sweep = entry.sweep(method, spec.seeds[0])
            objective = resolve_objective(sweep, tables[entry.name])
            found = estimate(sweep, objective, prepare(tables[entry.name], sweep.trainer))
            share = sum(f"-{method}-" in name for name in left)
            seconds += share * found.total(REPORT_SECONDS if args.reports else 0.0)
        whole, all_left = whole + seconds, all_left + len(left)
        print(f"{entry.label}: {count(len(left), 'sweep')} to run, about {duration(seconds)}", file=sys.stderr)
    print(f"{count(all_left, 'sweep')} to run, about {duration(whole)}; nothing was run.", file=sys.stderr)
    return 0


def run(args: "Namespace", spec: SuiteSpec, path: Path, tables: dict[str, "Table"]) -> int:
    """Take the suite's folder, run what is missing, and write tables and page."""
    with held_folder(path) as folder:
        from studies.suite_run import SuiteRun  # torch and optuna take seconds to import

        begin, stop = time.perf_counter(), Stop()
        suite = SuiteRun(spec, folder, stop, quiet=args.quiet or args.json, reports=args.reports)
        suite.write_facts(tables)
        suite.run()
        return finish(args, suite, stop, time.perf_counter() - begin)


def finish(args: "Namespace", suite: "SuiteRun", stop: Stop, seconds: float) -> int:
    """Write the page, print the table and the last lines, and return the exit code."""
    from reports.suite import write_suite_report
    from studies.lines import count
    from studies.suite_lines import table_lines

    suite.write_tables()
    page = write_suite_report(suite.folder.path)
    if not args.quiet and not args.json:
        for line in table_lines(suite.folder.path):
            print(line, file=sys.stderr)
        done = f"{count(suite.finished, 'sweep')} of {suite.total} finished"
        print(f"{done}, {count(suite.ran, 'sweep')} run now, in {seconds:.0f} s.", file=sys.stderr)
    summary = (suite.folder.path / "suite.json").read_text(encoding="utf-8")
    code = last_lines(args, "studies.suite", page, summary, stop)
    if code:
        return code
    return 0 if suite.finished else 4


if __name__ == "__main__":
    end_with(main)
