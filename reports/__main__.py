"""`python -m reports RUN`: build the report of a run folder, or a suite's page, again, from the folder alone."""

import argparse
import sys
from pathlib import Path

from core import __version__
from core.errors import GraphsweepError


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    options = argparse.ArgumentParser(
        prog="python -m reports",
        description="Build the report of a run folder: report.html and figures/*.png.",
        allow_abbrev=False,
    )
    options.add_argument("run", type=Path, metavar="RUN", help="run folder, as a sweep or a suite wrote it")
    options.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="write into this folder (default: the run folder)"
    )
    options.add_argument("--open", action="store_true", help="open the report in the browser")
    options.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options.add_argument("--version", action="version", version=f"graphsweep {__version__}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Build a report; give the exit code: 0, or the error's own (3: run folder)."""
    given = parser().parse_args(arguments)
    from reports.page import write_report  # noqa: PLC0415 - half a second that --help must not wait for
    from reports.suite import write_suite_report  # noqa: PLC0415

    try:
        write = write_suite_report if (given.run / "suite.json").is_file() else write_report
        report = write(given.run, given.out)
    except GraphsweepError as error:
        if given.debug:
            raise
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(report)
    if given.open:
        import webbrowser  # noqa: PLC0415

        webbrowser.open(report.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
