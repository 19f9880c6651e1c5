"""Laws of the command's options: one rule with the settings, and errors in the house form."""

import io
from pathlib import Path

import pytest

from core import __version__
from core.errors import InputError, InputErrors
from studies.arguments import SETTING_OPTIONS, build_parser, print_error, spec_from_arguments
from sweeps.spec import SweepSpec, load_spec


def spec_of(*words: str) -> SweepSpec:
    """The settings that a command line asks for."""
    return spec_from_arguments(build_parser().parse_args(list(words)))


def printed(error: InputError) -> str:
    """An error as it appears on the terminal."""
    stream = io.StringIO()
    print_error(error, stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of the checkout may be taken for one that a test names."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--trials", "0"],
            "error: --trials must be 1 or more, got 0\nhint: to check the settings without running, use --dry-run\n",
        ),
        (
            ["--data", "sensor"],
            "error: no dataset called `sensor`, and no such file\n"
            "hint: did you mean `sensors`? Built in: sensors, sem. Your own: --data FILE.csv\n",
        ),
        (
            ["-n", "2.5", "--lanes=-1"],
            "error: --trials must be a whole number, got 2.5\n"
            "hint: to check the settings without running, use --dry-run\n"
            "error: --lanes must be 1 or more, got -1\nhint: search.lanes: trials in flight (default 16)\n",
        ),
        (
            ["--sampler", "tpee"],
            "error: --sampler must be one of tpe, random, grid, qmc, cmaes, gp, got `tpee`\n"
            "hint: did you mean `tpe`?\n",
        ),
        (
            ["--backend", "a\nb"],
            "error: --backend must be one of auto, loky, threading, dask, ray, got `a\\nb`\n"
            "hint: backend.name: what the workers are; auto: threads, or processes where these are faster "
            "(default auto)\n",
        ),
        (
            ["--data", ""],
            "error: --data must not be empty\n"
            "hint: data.name: simulation sensors (over time) or sem (rows without time), a CSV or NPZ file, "
            "a folder of arrays (default sensors)\n",
        ),
        (
            ["--set", "search.trials=0"],
            "error: --set search.trials=0: search.trials must be 1 or more, got 0\n"
            "hint: to check the settings without running, use --dry-run\n",
        ),
    ],
)
def test_wrong_values_are_errors_of_the_settings(words: list[str], text: str) -> None:
    """An option's wrong value is found with the settings and named by the option."""
    with pytest.raises(InputError) as caught:
        spec_of(*words)
    assert printed(caught.value) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--trails", "5"],
            "error: unknown option `--trails`\nhint: did you mean `--trials`? --help lists all options\n",
        ),
        (
            ["--x", "--smapler=tpe"],
            "error: unknown option `--x`\nhint: --help lists all options\n"
            "error: unknown option `--smapler`\nhint: did you mean `--sampler`? --help lists all options\n",
        ),
        (
            ["--trial", "5"],
            "error: unknown option `--trial`\nhint: did you mean `--trials`? --help lists all options\n",
        ),
        (["my.csv"], "error: unexpected word `my.csv`\nhint: --help lists all options\n"),
        (["--trials"], "error: -n/--trials: expected one argument\nhint: --help lists all options\n"),
        (["-q", "-v"], "error: -v/--verbose: not allowed with argument -q/--quiet\nhint: --help lists all options\n"),
        (
            ["--set", "search.trials"],
            "error: --set: must be KEY=VALUE, such as search.trials=100, got `search.trials`\n"
            "hint: --help lists all options\n",
        ),
    ],
)
def test_wrong_options_exit_2_in_the_house_form(
    capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    """What argparse refuses comes as error and hint lines on stderr, with exit code 2 and no usage."""
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(words)
    assert caught.value.code == 2
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == ("", text)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--trials", "7"), ("--data", "own.csv"), ("--graph", "own.csv"), ("--objective", "blind"),
        ("--sampler", "random"), ("--pruner", "none"), ("--seed", "3"), ("--lanes", "2"), ("--confirm", "0"),
        ("--timeout", "1.5"), ("--jobs", "2"), ("--backend", "threading"), ("--device", "cuda"),
    ],
)  # fmt: skip
def test_an_option_and_set_are_one_setting(option: str, value: str) -> None:
    """Every option gives the spec that --set gives with its key, and differs from the default."""
    Path("own.csv").touch()
    by_option = spec_of(option, value)
    assert by_option == spec_of("--set", f"{SETTING_OPTIONS[option]}={value}") != spec_of()


def test_every_setting_option_is_tried_above() -> None:
    """The table of the test above is complete."""
    tried = test_an_option_and_set_are_one_setting.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {option for option, _ in tried} == set(SETTING_OPTIONS)


def test_short_options_and_config() -> None:
    """Short options mean what their long ones mean, and -c chooses the file."""
    Path("own.csv").touch()
    short = spec_of("-c", "smoke", "-n", "7", "-d", "own.csv", "-g", "own.csv", "-j", "2")
    long = spec_of("--config", "smoke", "--trials", "7", "--data", "own.csv", "--graph", "own.csv", "--jobs", "2")
    assert short == long
    assert short.study == "smoke"


def test_no_options_give_the_packaged_sweep() -> None:
    """Without options the settings are lambda_sweep.yaml's, and the run goes below runs."""
    args = build_parser().parse_args([])
    assert spec_from_arguments(args) == load_spec("lambda_sweep")
    assert args.out == "runs"
    flags = ("fresh", "dry_run", "open", "json", "quiet", "verbose", "debug", "show_config")
    assert [getattr(args, name) for name in flags] == [False] * len(flags)


def test_two_commands_in_one_process_share_nothing() -> None:
    """The --set of one command line do not reach the next."""
    spec_of("--set", "search.trials=3")
    assert spec_of() == load_spec("lambda_sweep")


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_help_is_complete_and_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Help names every option with its default, keeps to 80 columns, and ends with two examples."""
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for option in (*SETTING_OPTIONS, "--config", "--set", "--show-config", "--fresh", "--dry-run", "--out", "--open",
                   "--json", "--quiet", "--verbose", "--debug", "--version"):  # fmt: skip
        assert option in text
    assert all(line.startswith("  python -m studies.lambda_sweep") for line in text.splitlines()[-2:])


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints name and version and exits with 0."""
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"graphsweep {__version__}\n"


def test_all_parts_of_an_error_are_printed() -> None:
    """Every part has its error line and, where there is one, its hint line; nothing can break a line."""
    error = InputErrors([InputError("a\nb", "c"), InputError("d\x1b[31m\udcff")])
    assert printed(error) == "error: a\\nb\nhint: c\nerror: d\\x1b[31m\\udcff\n"
