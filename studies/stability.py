"""The command: `python -m studies.stability`, what each of the seven stability measures buys, on your own data.

Every variant trains its seeds as lanes of one program. A variant that came to its end is kept and not trained
again, so the same command continues; the records do not depend on how often it was stopped, or on --jobs.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies.arguments import CommandParser, guarded, key_value
from studies.as_program import end_with
from studies.lambda_sweep import Stop
from studies.study_command import add_output, held_folder, last_lines
from sweeps.stability_reader import load_stability

if TYPE_CHECKING:
    from argparse import Namespace

    from core.tables import Table
    from studies.stability_run import StabilityRun
    from sweeps.stability_spec import StabilitySpec

OPTIONS = {"--data": "data.name", "--graph": "data.graph", "--jobs": "backend.jobs"}
EXAMPLES = """\
examples:
  python -m studies.stability --dry-run
  python -m studies.stability --data my.csv --seeds 3
"""


def build_parser() -> CommandParser:
    """The parser of `python -m studies.stability`."""
    parser = CommandParser(
        prog="python -m studies.stability",
        usage="%(prog)s [options]",
        description="Train before and after the seven stability measures, and with each one removed and added,\n"
        "to see what each buys. The same command again continues.",
        epilog=EXAMPLES,
        add_help=False,
    )
    what = parser.add_argument_group("what is trained")
    what.add_argument("-d", "--data", metavar="DATA", help="built-in simulation, CSV, NPZ or folder (sensors)")
    what.add_argument("-g", "--graph", metavar="FILE", help="true or reference graph: edge list, or square CSV")
    what.add_argument("--seeds", metavar="K", type=int, help="the first K seeds of the file (all)")
    what.add_argument("--epochs", metavar="N", help="epochs of the families with measures (as in the file)")
    settings = parser.add_argument_group("settings")
    settings.add_argument(
        "-c", "--config", metavar="FILE", default="stability", help="study's file, or stability, stability_smoke"
    )
    settings.add_argument(
        "--set", metavar="KEY=VALUE", action="append", type=key_value, default=[],
        help="change one setting that no measure switches, such as data.rows=4000; repeatable",
    )  # fmt: skip
    settings.add_argument("--show-config", action="store_true", help="print all settings, then exit")
    where = add_output(parser, "list the variants, estimate the time, run nothing")
    where.add_argument("-j", "--jobs", metavar="N", help="worker processes; 0: one a core (0)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    return guarded(lambda: command(args), debug=args.debug)


def command(args: "Namespace") -> int:
    """Check all that can be checked cheaply; then train, or say what would be trained."""
    given = [(option, key, getattr(args, option[2:])) for option, key in OPTIONS.items()]
    options = [item for item in given if item[2] is not None]
    spec = load_stability(args.config, args.set, options, args.epochs).first(args.seeds)
    if args.show_config:
        import yaml

        print(yaml.safe_dump(spec.to_dict(), sort_keys=False, allow_unicode=True), end="")
        return 0
    table = checked_table(spec)
    path = Path(args.out) / folder_name(spec, table)
    if args.dry_run:
        return dry_run(spec, path, table)
    return run(args, spec, path, table)


def folder_name(spec: "StabilitySpec", table: "Table") -> str:
    """Return the name of the study's run folder, with a digest over settings and data."""
    import hashlib

    from studies.run_names import run_name

    return run_name(spec.study, table.name, hashlib.sha256(f"{spec.identity()} {table.sha256}".encode()).hexdigest())


def checked_table(spec: "StabilitySpec") -> "Table":
    """Read or draw the data, and check that every variant can be trained on them.

    Raises:
        InputError: the data cannot be used; says why, and for which family if it is not all.
    """
    from core.data import prepare
    from core.errors import InputError
    from studies.data import load_table

    table = load_table(spec.data)
    for variant in spec.variants():
        if variant.trainer.plateau == "val_shd" and table.truth is None:
            raise InputError(
                f"trainer.plateau val_shd needs a true graph, and none is given for {table.source}", "add --graph FILE"
            )
        if variant.kind in ("before", "after", "own"):
            prepare(table, variant.trainer)
    return table


def dry_run(spec: "StabilitySpec", path: Path, table: "Table") -> int:
    """Say which variants there are and are left, time each family, and write nothing."""
    from core.processors import cores
    from studies.lines import count, data_line
    from studies.stability_run import estimate, part_name

    print(data_line(spec.study, table, spec.seeds[0]), file=sys.stderr)
    left = []
    for variant in spec.variants():
        done = (path / part_name(variant)).exists()
        left += [] if done else [variant]
        print(f"{variant.family}, {variant.label}{' done' if done else ''}", file=sys.stderr)
    each = estimate(spec, table) if left else {}
    jobs = min(spec.backend.jobs or cores(), cores(), max(1, len(left)))
    seconds = sum(each[variant.family] for variant in left) / jobs
    print(f"folder     {path}", file=sys.stderr)
    print(
        f"{count(len(left), 'variant')} of {count(len(spec.seeds), 'seed')} to train, about {seconds:.0f} s on "
        f"{count(jobs, 'job')}; nothing was run.",
        file=sys.stderr,
    )
    return 0


def run(args: "Namespace", spec: "StabilitySpec", path: Path, table: "Table") -> int:
    """Take the folder, train what is missing, and write records and page."""
    with held_folder(path) as folder:
        from studies.stability_run import STOP, StabilityRun  # torch takes seconds to import

        begin, stop = time.perf_counter(), StopFile(path / STOP)
        study = StabilityRun(spec, table, folder, lambda: bool(stop.received), quiet=args.quiet or args.json)
        study.run()
        return finish(args, study, stop, time.perf_counter() - begin)


class StopFile(Stop):
    """A stop that worker processes see too: a file in the run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.unlink(missing_ok=True)
        super().__init__()

    def take(self, number: int, frame: Any) -> None:
        """Note a signal, and leave the file that the workers look for between two evaluations."""
        super().take(number, frame)
        self.path.touch()


def finish(args: "Namespace", study: "StabilityRun", stop: Stop, seconds: float) -> int:
    """Write records and page, print the last lines, and return the exit code."""
    from reports.stability import write_stability_report
    from studies.artefacts import as_json
    from studies.lines import count

    summary = study.write()
    page = write_stability_report(study.folder.path)
    if not args.quiet and not args.json:
        for line in summary["sentences"]:
            print(line, file=sys.stderr)
        done = f"{len(study.done)} of {count(len(study.variants), 'variant')} finished"
        print(f"{done}, {study.ran} trained now, in {seconds:.0f} s.", file=sys.stderr)
    code = last_lines(args, "studies.stability", page, as_json(summary), stop)
    if code:
        return code
    return 0 if any(",complete," in trained.variants for trained in study.done.values()) else 4


if __name__ == "__main__":
    end_with(main)
