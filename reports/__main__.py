"""`python -m reports RUN [RUN ...]`: build the page of a run, a suite, a study or a benchmark, or compare runs."""

import argparse
import sys
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from core import __version__
from core.errors import GraphsweepError, RunFolderError
from core.interrupts import listen
from reports.beside import begin, drawing_beside

HELP_HINT = "--help lists all options"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as every command here does: `error:` what, `hint:` what to type."""

    def error(self, message: str) -> NoReturn:
        """Print a complaint and exit with 2: wrong input."""
        print(f"error: {message.removeprefix('argument ')}\nhint: {HELP_HINT}", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    options = _Parser(
        prog="python -m reports",
        description="Build the report of a run folder, or compare several on one page: report.html, figures/*.png.",
        allow_abbrev=False,
    )
    options.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folder that a sweep, a suite, a study or a benchmark wrote; two or more sweeps' folders are compared",
    )
    options.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="DIR",
        help="write into this folder (default: the run folder; of a comparison, compare-... beside the first run)",
    )
    options.add_argument("--open", action="store_true", help="open the report in the browser")
    options.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options.add_argument("--version", action="version", version=f"graphsweep {__version__}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Build a report or a comparison; give the exit code: 0, the error's own (3: run folder), 130 after Ctrl-C."""
    given = parser().parse_args(arguments)
    try:
        listen()
        report = build(given.runs, given.out)
    except KeyboardInterrupt:
        return 130
    except GraphsweepError as error:
        if given.debug:
            traceback.print_exc()
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    from reports.checksums import altered  # noqa: PLC0415

    for line in (line for run in given.runs for line in altered(run)):
        print(f"warning: {line}", file=sys.stderr)
    print(report)
    if given.open:
        import webbrowser  # noqa: PLC0415

        if webbrowser.open(report.resolve().as_uri()) is False:
            print(f"hint: no browser could be opened; the page is {report}", file=sys.stderr)
    return 0


def build(given: list[Path], out: Path | None) -> Path:
    """Build the page of a folder by its kind, or the comparison of several; return the page."""
    for run in given:
        if not run.exists():
            raise RunFolderError(
                f"no run folder at {run}", "give the folder that a sweep wrote, runs/<study>-<data>-<hash>"
            )
    with drawing_beside() if len(given) == 1 and (given[0] / "trials.csv").is_file() else nullcontext():
        begin(given[0])
        return written(given, out)


def written(given: list[Path], out: Path | None) -> Path:
    """Write the page of a folder by its kind, or the comparison of several; return the page."""
    from reports.benchmark import write_benchmark_report  # noqa: PLC0415
    from reports.page import write_report  # noqa: PLC0415 - half a second that nothing above must wait for
    from reports.several import without_comparisons  # noqa: PLC0415
    from reports.several_page import write_comparison  # noqa: PLC0415
    from reports.stability import write_stability_report  # noqa: PLC0415
    from reports.suite import write_suite_report  # noqa: PLC0415

    kinds = {
        "suite.json": write_suite_report,
        "variants.csv": write_stability_report,
        "benchmark.json": write_benchmark_report,
    }
    runs = without_comparisons(given)
    if len(runs) > 1:
        return write_comparison(runs, out)
    (run,) = runs
    write = next((kind for name, kind in kinds.items() if (run / name).is_file()), write_report)
    return write(run, out)


if __name__ == "__main__":
    sys.exit(main())
