"""Laws of errors: whatever is typed or in a file, one or more lines say what and where, and what to do."""

import re
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, run, sweep

TEXT_ROWS = 14


def csv_of(rows: int = 60, header: str = "a,b,c", seed: int = 0) -> str:
    """A plain table of numbers."""
    values = np.random.default_rng(seed).standard_normal((rows, header.count(",") + 1)).cumsum(axis=0)
    return "\n".join([header, *(",".join(f"{value:.3f}" for value in row) for row in values)]) + "\n"


@pytest.fixture(autouse=True)
def _files() -> None:
    """The files that the commands below name."""
    Path("good.csv").write_text(csv_of())
    Path("good.yaml").write_text("space: {lr: [0.01, 0.1]}\n")
    Path("good_edges.csv").write_text("cause,effect\na,b\n")


EXACT = [
    (
        ["-c", "sweeps/mine.yaml"],
        "error: unknown setting `space.lambda_sprase` in sweeps/mine.yaml, line 7\n"
        "hint: did you mean `lambda_sparse`? --show-config lists all settings\n",
    ),
    (
        ["--data", "sensor"],
        "error: no dataset called `sensor`, and no such file\n"
        "hint: did you mean `sensors`? Built in: sensors, sem. Your own: --data FILE.csv\n",
    ),
    (
        ["--data", "data/my.csv"],
        'error: data/my.csv: column `pkc` is text in 14 of 853 rows (first: row 102, "n.b.")\n'
        "hint: --set data.missing_values='[\"n.b.\"]'\n",
    ),
    (
        ["--data", "good.csv", "--objective", "val_shd"],
        "error: val_shd needs a true graph, and none is given for good.csv\n"
        "hint: add --graph FILE.csv, or search without one: --objective blind\n",
    ),
    (
        ["--trials", "0"],
        "error: --trials must be 1 or more, got 0\nhint: to check the settings without running, use --dry-run\n",
    ),
]


@pytest.mark.parametrize(("words", "text"), EXACT, ids=lambda value: value[-1] if isinstance(value, list) else "")
def test_the_errors_of_the_manual(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The errors that the manual shows read exactly so, on stderr alone, with exit code 2."""
    Path("data").mkdir()
    Path("sweeps").mkdir()
    lines = ["a,pkc", *(f"{n % 11}.5,{n % 7}.25" for n in range(853))]
    for at in range(TEXT_ROWS):
        lines[102 + 10 * at] = f"{at}.5,n.b."
    Path("data/my.csv").write_text("\n".join(lines) + "\n")
    Path("sweeps/mine.yaml").write_text("# mine\nstudy: mine\n\nspace:\n  lr: [0.1]\n  #\n  lambda_sprase: [1]\n")
    assert sweep(*words) == 2
    assert capsys.readouterr() == ("", text)


def test_as_a_process() -> None:
    """The same holds for the command as people start it."""
    code, out, err = run("--trials", "0", "--data", "sensor")
    assert (code, out) == (2, "")
    assert err.count("error: ") == 2
    assert "Traceback" not in err


ARGUMENTS = [
    ["--trials", "2.5"], ["--trials", "-1"], ["--trials", "many"], ["--trials", "1e400"], ["--lanes", "0"],
    ["--jobs", "-1"], ["--seed", "-1"], ["--seed", "x"], ["--confirm", "-1"], ["--timeout", "-1"],
    ["--timeout", "nan"], ["--sampler", "best"], ["--pruner", "hyper"], ["--backend", "mpi"], ["--device", "tpu"],
    ["--objective", "f1"], ["--data", ""], ["--data", "\x00"], ["--data", "x" * 300], ["--graph", "none.csv"],
    ["--graph", "."], ["--config", "none.yaml"], ["--config", "."], ["--bogus"], ["stray"], ["--set", "a"],
    ["--set", "=1"], ["--set", "space.lr="], ["--set", "space.lr.low=1"], ["--set", "space.lr=[]"],
    ["--set", "space.lr=[nan]"], ["--set", "space.lr=-1"], ["--set", "space.lr={low: 0, high: 1, log: true}"],
    ["--set", "space.lr.high=.inf"], ["--set", "data.rows=3"], ["--set", "data.corruption=rust"],
    ["--set", "trainer.batch_size=5000"], ["--set", "trainer.max_lag=50", "--set", "data.rows=60"],
    ["--set", "data.variables=2", "--set", "data.edges=9"], ["--set", "study=../up"], ["--set", "study=a b"],
    ["--sampler", "grid"], ["--set", "search.trials=[1]"], ["--set", "trainer.epochs=7"], ["-q", "-v"],
    ["--set", "x.y.z=1"], ["--set", "trainer.plateau=val_shd", "--data", "good.csv"],
]  # fmt: skip


@pytest.mark.parametrize("words", ARGUMENTS, ids=" ".join)
def test_wrong_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments: exit code 2, error and hint lines and nothing else, no file written."""
    before = set(Path().rglob("*"))
    assert sweep("-c", "smoke", *words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert in_house_form(streams.err)
    assert set(Path().rglob("*")) == before


def in_house_form(text: str) -> bool:
    """Only printable `error:` and `hint:` lines, an error first."""
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].startswith("error: ")
    assert "Traceback" not in text
    return all(re.match(r"(error|hint): \S", line) and line.isprintable() for line in lines)


ROWS = csv_of().splitlines()[1:]
TABLES = {
    "empty": b"",
    "header only": b"a,b,c\n",
    "blank": b"\n\n\n",
    "not UTF-8": b"a,b\n\xff\xfe,1\n" * 30,
    "zeros": b"\0" * 500,
    "a PNG": b"\x89PNG\r\n\x1a\n" + b"\0\xff" * 200,
    "one column": "\n".join(["a", *(row.split(",")[0] for row in ROWS)]).encode(),
    "one row": b"a,b,c\n1,2,3\n",
    "same names": csv_of(header="a,b,a").encode(),
    "no name": csv_of(header="a,,c").encode(),
    "ragged": ("a,b,c\n" + "\n".join(ROWS[:30]) + "\n1,2\n" + "\n".join(ROWS[30:])).encode(),
    "infinite": ("a,b,c\n" + "\n".join(ROWS[:30]) + "\ninf,1,2\n" + "\n".join(ROWS[30:])).encode(),
    "text": ("a,b,c\n" + "\n".join(ROWS[:30]) + "\nhello,1,2\n" + "\n".join(ROWS[30:])).encode(),
    "all constant": ("a,b,c\n" + "1,2,3\n" * 60).encode(),
    "one varies": ("a,b,c\n" + "".join(f"{n % 7},2,3\n" for n in range(60))).encode(),
    "all missing": ("a,b,c\n" + ",,\n" * 60).encode(),
    "few rows": ("a,b,c\n" + "\n".join(ROWS[:4]) + "\n").encode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_wrong_tables(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Data that cannot be learned from: exit code 2, the file is named, no run folder is made."""
    Path("bad.csv").write_bytes(TABLES[name])
    assert sweep(*SMALL, "-d", "bad.csv") == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert in_house_form(streams.err)
    assert "bad.csv" in streams.err
    assert not Path("runs").exists()


GRAPHS = {
    "empty": "", "unknown name": "cause,effect\na,zz\n",
    "self-loop": "cause,effect\na,a\n", "ragged": "cause,effect\na\n", "one column": "cause\na\n",
    "other size": ",a,b\na,0,1\nb,0,0\n", "not binary": ",a,b,c\na,0,0.5,0\nb,0,0,1\nc,0,0,0\n",
    "nan": ",a,b,c\na,0,nan,0\nb,0,0,1\nc,0,0,0\n", "text": ",a,b,c\na,0,x,0\nb,0,0,1\nc,0,0,0\n",
    "loop in a square": ",a,b,c\na,1,0,0\nb,0,0,1\nc,0,0,0\n",
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_wrong_graphs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A graph that cannot be compared with: exit code 2 and the file is named."""
    Path("bad_edges.csv").write_text(GRAPHS[name])
    assert sweep(*SMALL, "-d", "good.csv", "-g", "bad_edges.csv") == 2
    streams = capsys.readouterr()
    assert in_house_form(streams.err)
    assert "bad_edges.csv" in streams.err
    assert not Path("runs").exists()


def test_a_cycle_needs_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A cyclic graph is refused for rows without time, one cycle named; with lags it is accepted and said."""
    Path("cycle.csv").write_text("cause,effect\na,b\nb,a\n")
    words = (*SMALL, "-n", "2", "-d", "good.csv", "-g", "cycle.csv")
    assert sweep(*words, "--set", "trainer.max_lag=0") == 2
    text = capsys.readouterr().err
    assert in_house_form(text)
    assert re.search(r"a -> b -> a|b -> a -> b|a → b → a|b → a → b", text)
    assert sweep(*words, "-q") == 0


SETTINGS = {
    "not YAML": "a: [1\n", "a list": "- 1\n", "a text": "hello\n", "empty": "", "tab": "space:\n\tlr: 1\n",
    "duplicate": "space: {lr: [0.1]}\nspace: {lr: [0.1]}\n", "low over high": "space: {lr: {low: 1, high: 0.1}}\n",
    "not UTF-8": "space: {lr: [0.1]}\n# \udcff\n", "alias bomb": "a: &a [1]\nb: [*a, *a]\n",
    "object": "space: !!python/object/apply:os.system [echo]\n", "nothing searched": "study: x\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_wrong_settings_files(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A settings file that is none: exit code 2, the file is named."""
    Path("bad.yaml").write_bytes(SETTINGS[name].encode(errors="surrogateescape"))
    assert sweep("-c", "bad.yaml") == 2
    streams = capsys.readouterr()
    assert in_house_form(streams.err)
    assert "bad.yaml" in streams.err


def test_all_errors_of_a_pass_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that is wrong with the settings is told in one go."""
    assert sweep("--trials", "0", "--lanes", "0", "--sampler", "x", "--set", "data.rows=0", "--data", "sensor") == 2
    assert capsys.readouterr().err.count("error: ") == 5


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """--debug adds the traceback and changes neither the lines nor the exit code."""
    assert sweep("--trials", "0", "--debug") == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("error: --trials must be 1 or more, got 0\n"
                         "hint: to check the settings without running, use --dry-run\n")  # fmt: skip


@pytest.mark.parametrize(("option", "name"), [("--device", "cuda"), ("--backend", "dask"), ("--backend", "ray")])
def test_what_this_version_cannot_do_is_wrong_input(capsys: pytest.CaptureFixture[str], option: str, name: str) -> None:
    """A device or backend that is not there is refused; no run is recorded as having used it."""
    assert sweep(*SMALL, option, name) == 2
    text = capsys.readouterr().err
    assert in_house_form(text)
    assert name in text
