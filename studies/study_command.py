"""What the commands that fill one folder with many trainings share: options, the folder, and the last lines."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import RunFolderError
from studies.arguments import CommandParser, add_version
from studies.lambda_sweep import Stop, open_page, same_command

if TYPE_CHECKING:
    from studies.run_folder import RunFolder


def add_output(parser: CommandParser, dry_run: str) -> argparse._ArgumentGroup:
    """Add the options on where a folder is made and what is said; the parser must not have --help yet.

    Args:
        parser: of the command.
        dry_run: what --dry-run does, for the help.

    Returns:
        The group, for further options.
    """
    group = parser.add_argument_group("run and output")
    group.add_argument("-o", "--out", metavar="DIR", default="runs", help="where the folder is made (runs)")
    group.add_argument("--dry-run", action="store_true", help=dry_run)
    group.add_argument("--open", action="store_true", help="open the report when done")
    group.add_argument("--json", action="store_true", help="print one JSON object instead of the report's path")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_version(group)
    group.add_argument("-h", "--help", action="help", help="print this help")
    return group


@contextmanager
def held_folder(path: Path) -> "Iterator[RunFolder]":
    """Take a folder for the time of a `with`, made where it is missing.

    Raises:
        RunFolderError: another process has it, or it cannot be written to.
    """
    from studies.run_folder import RunFolder

    try:
        folder = RunFolder(path, [])
    except RunFolderError as error:
        raise RunFolderError(error.message, "wait for it, or choose another folder with --out") from error
    try:
        yield folder
    finally:
        folder.close()


def last_lines(args: argparse.Namespace, module: str, page: Path, summary: str, stop: Stop) -> int:
    """Say where the page is and, after a signal, how to go on.

    Args:
        args: of the command, with the options of `add_output`.
        module: the command, such as studies.suite.
        page: its report. summary: what --json prints. stop: the signals that came.

    Returns:
        The exit code: the signal's, or 0.
    """
    from studies.terminal import announce

    if args.json:
        sys.stdout.write(summary)
    else:
        announce("Report", str(page), quiet=args.quiet)
    if args.open:
        open_page(page)
    if stop.exit_code and not args.quiet:
        print(f"Continue    {same_command(sys.argv[1:], module)}", file=sys.stderr)
    return stop.exit_code
