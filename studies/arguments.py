"""The options of `python -m studies.lambda_sweep`, and the house form of errors on the terminal."""

import argparse
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NoReturn, TextIO

from core import __version__
from core.errors import GraphsweepError, InputError, InputErrors
from core.interrupts import listen
from studies.store import readable
from sweeps.nearest import nearest
from sweeps.nodes import one_line, shorten
from sweeps.spec import SECTIONS, SweepSpec, load_spec

DEFAULT_CONFIG = "sweeps/lambda_sweep.yaml"
HELP_HINT = "--help lists all options"
SETTING_OPTIONS = {
    "--trials": "search.trials",
    "--data": "data.name",
    "--graph": "data.graph",
    "--objective": "search.objective",
    "--sampler": "search.sampler",
    "--pruner": "search.pruner",
    "--seed": "search.seed",
    "--lanes": "search.lanes",
    "--confirm": "search.confirm",
    "--timeout": "search.timeout",
    "--jobs": "backend.jobs",
    "--backend": "backend.name",
    "--device": "backend.device",
}
"""Options that change one setting, with its key; a wrong value is found with the settings, not before."""

EXAMPLES = """\
examples:
  python -m studies.lambda_sweep --trials 50
  python -m studies.lambda_sweep --data my.csv --graph edges.csv --jobs 8
"""


class CommandParser(argparse.ArgumentParser):
    """ArgumentParser that speaks the house form: `error:` what, then `hint:` what to type, exit code 2."""

    def __init__(self, **settings: Any) -> None:
        """Take ArgumentParser's settings, with abbreviations off and help of 80 columns."""
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **settings)

    def error(self, message: str) -> NoReturn:
        """Print argparse's own complaint in the house form and exit."""
        self.fail(InputError(message.removeprefix("argument "), HELP_HINT))

    def fail(self, error: GraphsweepError) -> NoReturn:
        """Print an error in the house form and exit with its code."""
        print_error(error, sys.stderr)
        sys.exit(error.exit_code)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse; unknown options and stray words are all reported, with the option most like each."""
        parsed, unknown = self.parse_known_args(args, namespace)
        options = [word.partition("=")[0] for word in unknown if word.startswith("-") and word != "--"]
        if options:
            self.fail(InputErrors([self._unknown(option) for option in options]))
        if unknown:
            self.fail(InputErrors([InputError(f"unexpected word `{shorten(word)}`", HELP_HINT) for word in unknown]))
        return parsed

    def _unknown(self, option: str) -> InputError:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        close = nearest(option, known) if option.startswith("--") else ""
        meant = f"did you mean `{close}`? " if close else ""
        return InputError(f"unknown option `{shorten(option)}`", meant + HELP_HINT)


def build_parser() -> CommandParser:
    """The parser of `python -m studies.lambda_sweep`; options that change a setting default to None."""
    parser = CommandParser(
        prog="python -m studies.lambda_sweep",
        usage="%(prog)s [options]",
        description="Search settings of a causal-graph learner and report what was found.\n"
        "In brackets: the value where neither an option nor the settings file gives one.\n"
        "The same command again continues an earlier run.",
        epilog=EXAMPLES,
        add_help=False,
    )
    _add_search(parser)
    _add_data(parser)
    _add_settings(parser)
    _add_machine(parser)
    _add_output(parser)
    return parser


def spec_from_arguments(args: argparse.Namespace) -> SweepSpec:
    """Read and check the settings that the arguments ask for.

    Args:
        args: from `build_parser().parse_args()`.

    Raises:
        InputError: one setting is wrong. InputErrors: several are.
    """
    given = [(option, key, getattr(args, option[2:])) for option, key in SETTING_OPTIONS.items()]
    options = [(option, key, value) for option, key, value in given if value is not None]
    return load_spec(args.config, args.set, options)


def print_error(error: GraphsweepError, stream: TextIO) -> None:
    """Write `error: ...` and `hint: ...` lines, one pair for each part of an InputErrors."""
    for part in error.errors if isinstance(error, InputErrors) else [error]:
        stream.write(f"error: {readable(one_line(part.message))}\n")
        if part.hint:
            stream.write(f"hint: {readable(one_line(part.hint))}\n")


def guarded(run: Callable[[], int], *, debug: bool) -> int:
    """Run a command and return its exit code; what it cannot do is said in the house form, the same for every command.

    Args:
        run: the command; Ctrl-C here is one from before it took over the signals, and heard from here on.
        debug: whether an error's traceback is shown too.
    """
    try:
        listen()
        return run()
    except KeyboardInterrupt:
        return 130
    except (GraphsweepError, OSError) as error:
        if debug:
            traceback.print_exc()
        from studies.files import system_error

        told = system_error(error) if isinstance(error, OSError) else error
        print_error(told, sys.stderr)
        return told.exit_code


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that keeps to 80 columns on a wide terminal too."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(80, shutil.get_terminal_size().columns))


def add_version(group: argparse._ActionsContainer) -> None:
    """Add --version, the same for every command."""
    group.add_argument("--version", action="version", version=f"graphsweep {__version__}", help="print the version")


def key_value(text: str) -> tuple[str, str]:
    """Split KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, such as search.trials=100, got `{shorten(text)}`")
    return key.strip(), value


def _add_settings(parser: CommandParser) -> None:
    group = parser.add_argument_group("settings")
    group.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_CONFIG,
        help="settings file, or lambda_sweep, lambda_grid, original, smoke (lambda_sweep)",
    )
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        type=key_value,
        default=[],
        help="change one setting, such as space.lr.high=0.5; repeatable",
    )
    group.add_argument("--show-config", action="store_true", help="print all settings and their meaning, then exit")


def _add_search(parser: CommandParser) -> None:
    group = parser.add_argument_group("search")
    _add(group, "-n", "--trials", metavar="N", text="trials in total, earlier ones included")
    _add(group, "--objective", metavar="NAME", text="what is minimised:", default="(val_shd; without a graph blind)")
    _add(group, "--sampler", metavar="NAME", text="how trials are proposed:")
    _add(group, "--pruner", metavar="NAME", text="what ends poor trials early:")
    _add(group, "--seed", metavar="N", text="seed of the study")
    _add(group, "--lanes", metavar="K", text="trials in flight")
    _add(group, "--confirm", metavar="K", text="fresh seeds and data sets for the winner; 0: none")
    group.add_argument("--peers", action="store_true", help="also run PCMCI, VARLiNGAM, DAGMA, where installed")
    _add(group, "--timeout", metavar="MIN", text="minutes until no new trial starts; 0: no limit")


def _add_data(parser: CommandParser) -> None:
    group = parser.add_argument_group("data")
    _add(group, "-d", "--data", metavar="DATA", text="built-in simulation, CSV, NPZ or folder")
    _add(
        group, "-g", "--graph", metavar="FILE", text="true or reference graph: edge list `cause,effect`, or square CSV"
    )


def _add_machine(parser: CommandParser) -> None:
    group = parser.add_argument_group("machine")
    _add(group, "-j", "--jobs", metavar="N", text="workers; 0: one a core")
    _add(group, "--backend", metavar="NAME", text="what the workers are:")
    _add(group, "--device", metavar="NAME", text="what trains:")


def _add(group: argparse._ArgumentGroup, *names: str, metavar: str, text: str, default: str = "") -> None:
    """Add an option that changes a setting; its choices and default come from the setting's field."""
    section, _, leaf = SETTING_OPTIONS[names[-1]].partition(".")
    item = next(field for field in fields(SECTIONS[section]) if field.name == leaf)
    choices = ", ".join(choice for choice in item.metadata["choices"] if choice)
    if item.default != "":
        default = f"({item.default:g})" if isinstance(item.default, float) else f"({item.default})"
    text = " ".join(part for part in (text, choices, default) if part)
    group.add_argument(*names, metavar=metavar, help=text)


def _add_output(parser: CommandParser) -> None:
    group = parser.add_argument_group("run and output")
    group.add_argument("-o", "--out", metavar="DIR", default="runs", help="where run folders are made (runs)")
    group.add_argument("--storage", metavar="URL", help="also copy trials to a team's store: database, journal file")
    group.add_argument("--fresh", action="store_true", help="do not continue an earlier run")
    group.add_argument("--dry-run", action="store_true", help="check everything, estimate the time, run nothing")
    group.add_argument("--open", action="store_true", help="open the report when done")
    group.add_argument("--json", action="store_true", help="print summary.json (keys: README), not the report's path")
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    loudness.add_argument("-v", "--verbose", action="store_true", help="say more: every trial")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_version(group)
    group.add_argument("-h", "--help", action="help", help="print this help")
