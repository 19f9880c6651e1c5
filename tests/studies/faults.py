"""Everything that can be wrong with what a sweep is given, and what must be said: one table of cases.

`WRONG` is refused with exit code 2 before anything is written; `ODD` runs, and the first lines say what is odd.
"""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Fault(NamedTuple):
    """A case: its name, what is typed, what must be said, and the files that are there."""

    name: str
    words: tuple[str, ...]
    says: str
    files: dict[str, bytes] = {}


class Stopped(NamedTuple):
    """A run that was stopped: its folder's parent, its finished trials, and what it comes to when it goes on."""

    runs: Path
    finished: list[dict[str, str]]
    calm: dict[str, Any]


def csv_of(rows: int = 60, header: str = "a,b,c", seed: int = 0, scale: float = 1.0) -> str:
    """A plain table of numbers."""
    values = scale * np.random.default_rng(seed).standard_normal((rows, header.count(",") + 1)).cumsum(axis=0)
    return "\n".join([header, *(",".join(f"{value:.3f}" for value in row) for row in values)]) + "\n"


def npz(**arrays: object) -> bytes:
    """The bytes of an NPZ file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def table(name: str, content: bytes, says: str, file: str = "bad.csv") -> Fault:
    """A file of data that cannot be learned from."""
    return Fault(f"data: {name}", ("-d", file), f"error: {file}: {says}", {file: content})


def graph(name: str, content: str, says: str) -> Fault:
    """A graph that cannot be compared with."""
    words = ("-d", "good.csv", "-g", "bad_edges.csv")
    return Fault(f"graph: {name}", words, f"error: bad_edges.csv: {says}", {"bad_edges.csv": content.encode()})


def option(words: str, says: str) -> Fault:
    """Wrong words on the command line, separated by blanks."""
    return Fault(f"option: {words}", tuple(words.split(" ")), f"error: {says}")


def file(name: str, content: str, says: str) -> Fault:
    """A settings file that is none."""
    where = {"bad.yaml": content.encode(errors="surrogateescape")}
    return Fault(f"settings: {name}", ("-c", "bad.yaml"), f"error: bad.yaml{says}", where)


def replaced(row: int, column: int, text: str) -> bytes:
    """The plain table with one other cell."""
    lines = [line.split(",") for line in csv_of().splitlines()]
    lines[row][column] = text
    return ("\n".join(map(",".join, lines)) + "\n").encode()


def column_of(text: str, column: int = 1) -> bytes:
    """The plain table with one other column."""
    lines = [line.split(",") for line in csv_of().splitlines()]
    for line in lines[1:]:
        line[column] = text or line[0]
    return ("\n".join(map(",".join, lines)) + "\n").encode()


PLAIN = csv_of().encode()
HEAD, ROWS = PLAIN.split(b"\n", 1)
X = np.random.default_rng(0).standard_normal((60, 3))
FEW = "fewer than two usable variables are left (`"
ROW_NEED = "rows leave 0 for training at max_lag 3, and 16 are needed"

DATA = [
    table("empty", b"", "the file is empty"),
    table("blank", b"\n\n\n", "the file is empty"),
    table("header only", b"a,b,c\n", "has a header but no data rows"),
    table("not UTF-8", b"a,b\n\xff\xfe,1\n" * 30, "is not UTF-8 (line 2, byte 0xff)"),
    table("zeros", b"\0" * 500, "is not a text file"),
    table("a picture", b"\x89PNG\r\n\x1a\n" + b"\0\xff" * 200, "is not a text file"),
    table("a pickle", b"\x80\x04\x95\x00\x00\x00\x00", "is not a text file"),
    table("one column", b"a\n" + b"1\n2\n" * 40, "needs two variables or more but has 1 (`a`)"),
    table("one row", b"a,b,c\n1,2,3\n", FEW),
    table("few rows", b"\n".join(PLAIN.split(b"\n")[:5]) + b"\n", f"4 {ROW_NEED}"),
    table("same names", b"a,b,a\n" + ROWS, "columns 1 and 3 have the same name `a`"),
    table("no name", b"a,,c\n" + ROWS, "column 2 has no name"),
    table("ragged", PLAIN + b"1,2\n" + ROWS, "line 62 has 2 fields but the header has 3"),
    table("infinite", replaced(31, 0, "inf"), 'column `a` is infinite in 1 of 60 rows (first: row 31, "inf")'),
    table("minus infinite", replaced(31, 2, "-Infinity"), "column `c` is infinite in 1 of 60 rows (first: row 31"),
    table("overflow", replaced(9, 1, "1e999"), "column `b` is too large for a 64-bit number in 1 of 60 rows"),
    table("text", replaced(31, 0, "hello"), 'column `a` is text in 1 of 60 rows (first: row 31, "hello")'),
    table("formula", replaced(5, 1, '=cmd|"/C calc"!A0'), "column `b` is text in 1 of 60 rows (first: row 5"),
    table("all constant", b"a,b,c\n" + b"1,2,3\n" * 60, f"{FEW}a`: constant in the training rows"),
    table("one varies", b"a,b,c\n" + b"".join(b"%d,2,3\n" % (n % 7) for n in range(60)), f"{FEW}b`: constant"),
    table("all missing", b"a,b,c\n" + b",,\n" * 60, "has a header but no data rows"),
    table("all not a number", b"a,b,c\n" + b"nan,nan,nan\n" * 60, f"{FEW}a`: no values in the training rows"),
    table("1-D array", npz(X=X[:, 0]), "X must have shape (rows, variables) or", "bad.npz"),
    table("4-D array", npz(X=X.reshape(2, 10, 3, 3)), "X must have shape (rows, variables) or", "bad.npz"),
    table("objects", npz(X=X.astype(object)), "X is an array of Python objects, which is not loaded", "bad.npz"),
    table("texts", npz(X=X.astype(str)), "X must hold numbers but is of type <U", "bad.npz"),
    table("infinite array", npz(X=np.where(X[2, 1] == X, np.inf, X)), "X is infinite", "bad.npz"),
    table("empty array", npz(X=X[:0]), "X is empty: its shape is (0, 3)", "bad.npz"),
    table("torn archive", npz(X=X)[:300], "", "bad.npz"),
    Fault("data: a folder", ("-d", "empty_folder"), "error: empty_folder: the folder has no X.npy"),
    Fault("data: no file", ("-d", "none.csv"), "error: no dataset called `none.csv`, and no such file"),
    Fault("data: no data set", ("-d", "sensor"), "error: no dataset called `sensor`, and no such file"),
    Fault("data: no name", ("-d", ""), "error: --data must not be empty"),
    Fault("data: a zero byte", ("-d", "\x00"), "error: no dataset called `\\x00`, and no such file"),
    Fault("data: a long name", ("-d", "x" * 300), "error: no dataset called `xxx"),
    Fault("data: a device", ("-d", "/dev/null"), "error: /dev/null: the file is empty"),
    graph("empty", "", "the file is empty"),
    graph("unknown name", "cause,effect\na,zz\n", "unknown variable `zz` (line 2)"),
    graph("self-loop", "cause,effect\na,a\n", "line 2: self-loop `a` -> `a`"),
    graph("ragged", "cause,effect\na\n", "line 2 has 1 fields but the header has 2"),
    graph("one column", "cause\na\n", "neither an edge list nor a square matrix with names"),
    graph("other size", ",a,b\na,0,1\nb,0,0\n", "has 2 columns but the data have 3 variables; missing: `c`"),
    graph("not binary", ",a,b,c\na,0,0.5,0\nb,0,0,1\nc,0,0,0\n", 'line 2, `a` -> `b`: must be 0 or 1 but got "0.5"'),
    graph("nan", ",a,b,c\na,0,nan,0\nb,0,0,1\nc,0,0,0\n", 'line 2, `a` -> `b`: must be 0 or 1 but got "nan"'),
    graph("text", ",a,b,c\na,0,x,0\nb,0,0,1\nc,0,0,0\n", 'line 2, `a` -> `b`: must be 0 or 1 but got "x"'),
    graph("loop in a square", ",a,b,c\na,1,0,0\nb,0,0,1\nc,0,0,0\n", "the graph has a self-loop at `a`"),
    Fault("graph: no file", ("-g", "none.csv"), "error: no graph file `none.csv`"),
    Fault("graph: a folder", ("-g", "."), "error: no graph file `.`"),
    Fault(
        "graph: cyclic without time", ("-d", "good.csv", "-g", "loop.csv", "--set", "trainer.max_lag=0"),
        "a -> b -> a", {"loop.csv": b"cause,effect\na,b\nb,a\n"},
    ),
]  # fmt: skip

SETTINGS = [
    option("--trials 0", "--trials must be 1 or more, got 0"),
    option("--trials -1", "--trials must be 1 or more, got -1"),
    option("--trials 2.5", "--trials must be a whole number, got 2.5"),
    option("--trials many", "--trials must be a whole number, got `many`"),
    option("--trials 1e400", "--trials must be a whole number, got 1e400"),
    option("--set search.trials=[1]", "--set search.trials=[1]: search.trials must be a whole number"),
    option("--lanes 0", "--lanes must be 1 or more, got 0"),
    option("--jobs -1", "--jobs must be 0 or more, got -1"),
    option("--seed -1", "--seed must be 0 or more, got -1"),
    option("--seed x", "--seed must be a whole number, got `x`"),
    option("--confirm -1", "--confirm must be 0 or more, got -1"),
    option("--timeout -1", "--timeout must be 0 or more, got -1"),
    option("--timeout nan", "--timeout must be a finite number, got nan"),
    option("--sampler best", "--sampler must be one of tpe,"),
    option("--pruner hyper", "--pruner must be one of cohort,"),
    option("--backend mpi", "--backend must be one of auto, loky,"),
    option("--device tpu", "--device must be one of cpu, cuda"),
    option("--objective f1", "--objective must be one of val_shd, blind, got `f1`"),
    option("--config none.yaml", "no settings file `none.yaml`"),
    option("--config .", "`.` is a folder, not a settings file"),
    option("--bogus", "unknown option `--bogus`"),
    option("stray", "unexpected word `stray`"),
    option("-q -v", "-v/--verbose: not allowed with argument -q/--quiet"),
    option("--set a", "--set: must be KEY=VALUE"),
    option("--set =1", "--set: must be KEY=VALUE"),
    option("--set x.y.z=1", "unknown section `x` in --set x.y.z=1"),
    option("--set space.lambda_sprase=[1]", "unknown setting `space.lambda_sprase`"),
    option("--set space.lr=", "--set space.lr=: space.lr has no range"),
    option("--set space.lr=[]", "--set space.lr=[]: space.lr lists no value"),
    option("--set space.lr=[nan]", "--set space.lr=[nan]: space.lr must be a finite number, got nan"),
    option("--set space.lr=[true]", "--set space.lr=[true]: space.lr must be a number"),
    option("--set space.lr=-1", "--set space.lr=-1: space.lr must be between 1e-08 and 10, got -1"),
    option("--set space.lr=[0]", "--set space.lr=[0]: space.lr must be between 1e-08 and 10, got 0"),
    option("--set space.lr.low=1", "--set space.lr.low=1: space.lr: low must be less than high"),
    option("--set space.lr.low=nan", "--set space.lr.low=nan: space.lr.low must be a finite number, got nan"),
    option("--set space.lr.high=.inf", "--set space.lr.high=.inf: space.lr.high must be a number"),
    Fault(
        "option: log of nothing", ("--set", "space.lambda_sparse={low: 0, high: 1, log: true}"),
        "space.lambda_sparse: a log range must start above 0, got low 0",
    ),
    Fault("option: log from below 0", ("--set", "space.lr={low: -1, high: 1, log: true}"), "space.lr.low must be"),
    option("--sampler grid", "sweeps/smoke.yaml, line 15: space.lambda_sparse must be a list of values"),
    option("--set trainer.epochs=7", "--set trainer.epochs=7: trainer.epochs must be a multiple of"),
    option("--set trainer.epochs=yes", "--set trainer.epochs=yes: trainer.epochs must be a whole number"),
    option("--set trainer.instantaneous=2", "--set trainer.instantaneous=2: trainer.instantaneous must be"),
    option("--set data.rows=3", "sensors: 3 rows leave 0 for training at max_lag 3"),
    option("--set trainer.batch_size=5000", "sensors: 300 rows leave 207 for training at max_lag 3, and 5000 are"),
    option("--set trainer.max_lag=50 --set data.rows=60", "sensors: 60 rows leave 0 for training at max_lag 50"),
    option("--set data.corruption=rust", "--set data.corruption=rust: data.corruption: unknown corruption `rust`"),
    option("--set data.variables=2 --set data.edges=9", "--set data.edges=9: data.edges must be 1 or less"),
    option("--set trainer.plateau=val_shd --data good.csv", "trainer.plateau val_shd needs a true graph"),
    option("--objective val_shd --data good.csv", "val_shd needs a true graph, and none is given for good.csv"),
    file("not YAML", "a: [1\n", ", line 2: expected ',' or ']'"),
    file("a list", "- 1\n", " must hold sections of settings, got `[1]`"),
    file("a text", "hello\n", " must hold sections of settings, got `hello`"),
    file("empty", "", ": space: nothing to search"),
    file("nothing searched", "study: x\n", ": space: nothing to search"),
    file("tab", "space:\n\tlr: 1\n", ", line 2: found character '\\t'"),
    file("duplicate key", "space: {lr: [0.1]}\nspace: {lr: [0.1]}\n", ", line 2: `space` is set twice"),
    file(
        "two faults", "space: {lr: []}\nsearch: {trials: 0}\n",
        ", line 1: space.lr lists no value\nhint: --set space.lr='[0.01, 0.1]'\n"
        "error: bad.yaml, line 2: search.trials must be 1 or more, got 0\n",
    ),
    Fault(
        "settings: an unknown key", ("-c", "bad.yaml"),
        "unknown setting `space.lrr` in bad.yaml, line 1\nhint: did you mean `lr`?",
        {"bad.yaml": b"space: {lrr: [0.1]}\n"},
    ),
    file("low over high", "space: {lr: {low: 1, high: 0.1}}\n", ", line 1: space.lr: low must be less than high"),
    file("not UTF-8", "space: {lr: [0.1]}\n# \udcff\n", ", line 2: not UTF-8 text"),
]  # fmt: skip

HOSTILE = [
    file("alias bomb", "a: &a [1]\nb: [*a, *a]\n", ", line 2: anchors and aliases (& and *) are not read"),
    file("object", "space: !!python/object/apply:os.system [echo]\n", ", line 1: the tag `!!python/object/apply:os"),
    file("2 MB", "space: {lr: [0.1]}\n#" + "x" * 2_000_000, " is larger than 1 MB and so no settings file"),
    file("deep", "[" * 3000, ""),
    option("--set study=../up", "--set study=../up: study must be 1 to 64 letters"),
    option("--set study=/etc", "--set study=/etc: study must be 1 to 64 letters"),
    option("--set study=.ssh", "--set study=.ssh: study must be 1 to 64 letters"),
    Fault("study: 65 letters", ("--set", f"study={'a' * 65}"), "study must be 1 to 64 letters"),
    Fault("study: a blank", ("--set", "study=a b"), "study must be 1 to 64 letters"),
    Fault("study: an escape", ("--set", "study=\x1b[2J"), "study must be 1 to 64 letters"),
    Fault("study: a line break", ("--set", "study=a\nb"), "study must be 1 to 64 letters"),
    table("escape in a cell", replaced(3, 1, "\x1b[2J"), "column `b` is text in 1 of 60 rows"),
    table("line break in a cell", replaced(3, 1, '"x\ny"'), "column `b` is text in 1 of 60 rows"),
    graph("hostile name", "cause,effect\na,<script>\n", "unknown variable `<script>` (line 2)"),
]  # fmt: skip

WRONG = {"data": DATA, "settings": SETTINGS, "hostile input": HOSTILE}


def fine(name: str, content: bytes, says: str, *more: str) -> Fault:
    """A file of data that is odd, and learned from."""
    return Fault(f"data: {name}", ("-d", "odd.csv", *more), says, {"odd.csv": content})


GAPS = b"".join(line + b"\n" if n % 9 else b"1.5,,2.5\n" for n, line in enumerate(ROWS.split(b"\n")[:-1]))
ALIKE = HEAD + b"\n" + b"".join(b"%s,%s,%s\n" % ((row.split(b",")[0],) * 3) for row in ROWS.split(b"\n")[:-1])
ODD = [
    fine("a byte order mark", b"\xef\xbb\xbf" + PLAIN, "odd, 60 rows x 3 variables"),
    fine("semicolons and commas", PLAIN.replace(b",", b";").replace(b".", b","), "fields are separated by `;`"),
    fine("line ends of Windows", PLAIN.replace(b"\n", b"\r\n"), "odd, 60 rows x 3 variables"),
    fine("empty cells", HEAD + b"\n" + GAPS, "missing    b 12 %"),
    fine("wholly missing", column_of(" "), "`b` is kept out of the loss: no values in the training rows"),
    fine("constant", column_of("5"), "`b` is kept out of the loss: constant in the training rows"),
    fine("duplicated", column_of(""), "warning: `b` (of `a`) is a copy of another variable: no data can tell"),
    fine("all duplicated", ALIKE, "warning: `b` (of `a`), `c` (of `a`) are copies of other variables"),
    fine("values of 1e12", csv_of(scale=1e12).encode(), "odd, 60 rows x 3 variables"),
    fine("a name with a carriage return", b'"a\rb",b,c\n' + ROWS, "odd, 60 rows x 3 variables"),
    fine("names with markup", b'"<script>alert(1)</script>","a$b$_c","{{7*7}}"\n' + ROWS, "x 3 variables"),
    fine("names with formulas", b"=1+1,@x,-y\n" + ROWS, "odd, 60 rows x 3 variables"),
    fine("names with escapes", b'"a\x1b[2J","a\nb",c\n' + ROWS, "odd, 60 rows x 3 variables"),
    Fault(
        "graph: cyclic with lags", ("-d", "good.csv", "-g", "loop.csv"),
        "the true graph has a cycle, a -> b -> a: possible, as effects take time",
        {"loop.csv": b"cause,effect\na,b\nb,a\n"},
    ),
    Fault("graph: empty", ("-d", "good.csv", "-g", "no.csv"), "0 true edges", {"no.csv": b"cause,effect\n"}),
    Fault(
        "graph: full", ("-d", "good.csv", "-g", "all.csv", "--set", "trainer.max_lag=1"), "6 true edges",
        {"all.csv": b",a,b,c\na,0,1,1\nb,1,0,1\nc,1,1,0\n"},
    ),
]  # fmt: skip
