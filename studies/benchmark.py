"""The command: `python -m studies.benchmark`, what lanes are worth against what people would write today.

Every ratio is of measurements taken in turns in one run. What has been measured is kept, so the same command continues;
another machine, or other settings, have another folder.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studies.arguments import CommandParser, guarded, key_value
from studies.as_program import end_with
from studies.lambda_sweep import Stop
from studies.study_command import add_output, held_folder, last_lines
from sweeps.benchmark_spec import PARTS, BenchmarkSpec, load_benchmark

if TYPE_CHECKING:
    from argparse import Namespace

    from studies.benchmark_run import BenchmarkRun

OPTIONS = {"--repeats": "measure.repeats"}
AFTER_UNIT = "Stopping, then writing the page; what is being measured is given up. Ctrl-C again to quit now."
EXAMPLES = """\
examples:
  python -m studies.benchmark --dry-run
  python -m studies.benchmark --only lanes --only plain
"""


def build_parser() -> CommandParser:
    """The parser of `python -m studies.benchmark`."""
    parser = CommandParser(
        prog="python -m studies.benchmark",
        usage="%(prog)s [options]",
        description="Measure what lanes are worth: against one trial at a time, plain PyTorch with Optuna, Ray Tune.\n"
        "The same command again continues; parts that were measured are kept.",
        epilog=EXAMPLES,
        add_help=False,
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "-c", "--config", metavar="FILE", default="benchmark", help="settings, or benchmark, benchmark_smoke"
    )
    what.add_argument(
        "--only", metavar="PART", action="append", default=[], help=f"this part: {', '.join(PARTS)}; repeatable"
    )
    what.add_argument("--repeats", metavar="N", help="repetitions of every measurement (as in the file)")
    what.add_argument(
        "--set", metavar="KEY=VALUE", action="append", type=key_value, default=[],
        help="change one setting, such as measure.growth_trials=2000; repeatable",
    )  # fmt: skip
    what.add_argument("--show-config", action="store_true", help="print all settings, then exit")
    add_output(parser, "list what would be measured, run nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = build_parser().parse_args(arguments)
    return guarded(lambda: command(args), debug=args.debug)


def command(args: "Namespace") -> int:
    """Check the settings; then measure, or say what would be measured."""
    given = [(option, key, getattr(args, option[2:])) for option, key in OPTIONS.items()]
    spec = load_benchmark(args.config, args.set, [item for item in given if item[2] is not None]).only(args.only)
    if args.show_config:
        import yaml

        print(yaml.safe_dump(spec.to_dict(), sort_keys=False, allow_unicode=True), end="")
        return 0
    path = Path(args.out) / folder_name(spec)
    return dry_run(spec, path) if args.dry_run else run(args, spec, path)


def folder_name(spec: BenchmarkSpec) -> str:
    """Return the name of the benchmark's folder, with a digest over settings, machine and versions."""
    import hashlib

    from studies.benchmark_run import this_machine

    machine = {name: value for name, value in this_machine().items() if name != "commit"}
    return f"{spec.study}-{hashlib.sha256(f'{spec.identity()} {sorted(machine.items())}'.encode()).hexdigest()[:6]}"


def dry_run(spec: BenchmarkSpec, path: Path) -> int:
    """Say which units there are and are left, and write nothing."""
    from studies.benchmark_run import kept, units
    from studies.lines import count

    listed = units(spec)
    left = [unit for unit in listed if kept(path, unit) is None]
    for unit in listed:
        print(f"{unit.part:<14} {unit.name}{'' if unit in left else ' done'}", file=sys.stderr)
    print(f"folder     {path}", file=sys.stderr)
    print(f"{len(left)} of {count(len(listed), 'unit')} to measure; nothing was run.", file=sys.stderr)
    return 0


def run(args: "Namespace", spec: BenchmarkSpec, path: Path) -> int:
    """Take the folder, measure what is missing, and write table and page."""
    with held_folder(path) as folder:
        from studies.benchmark_run import BenchmarkRun  # torch and optuna take seconds to import

        begin, stop = time.perf_counter(), Stop()
        stop.message = AFTER_UNIT
        benchmark = BenchmarkRun(spec, folder, lambda: bool(stop.received), quiet=args.quiet or args.json)
        benchmark.run()
        return finish(args, benchmark, stop, time.perf_counter() - begin)


def finish(args: "Namespace", benchmark: "BenchmarkRun", stop: Stop, seconds: float) -> int:
    """Write the page, print the last lines, and return the exit code."""
    from reports.benchmark import write_benchmark_report
    from reports.benchmark_folder import load_benchmark_folder
    from reports.benchmark_standing import sentences, summary
    from studies.artefacts import as_json
    from studies.lines import count, duration

    benchmark.write()
    page = write_benchmark_report(benchmark.folder.path)
    found = load_benchmark_folder(benchmark.folder.path)
    if not args.quiet and not args.json:
        for line in sentences(found):
            print(line, file=sys.stderr)
        done = f"{benchmark.finished} of {count(len(benchmark.units), 'unit')} measured"
        print(f"{done}, {benchmark.ran} now, in {duration(seconds)}.", file=sys.stderr)
    code = last_lines(args, "studies.benchmark", page, as_json(summary(found)), stop)
    if code:
        return code
    return 0 if benchmark.finished else 4


if __name__ == "__main__":
    end_with(main)
