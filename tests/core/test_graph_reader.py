"""Graphs from files: both forms, their faults, and cycles."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from core.config import DataConfig
from core.errors import InputError
from core.graph_reader import find_cycle, read_graph
from core.readers import read_table

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the data of ../shared/data are not here")
NAMES = ("a", "b", "cc")


def read(folder: Path, text: str, names: tuple[str, ...] = NAMES) -> NDArray[np.bool_]:
    """Write a graph file and read it."""
    path = folder / "graph.csv"
    path.write_bytes(text.encode())
    return read_graph(str(path), names)


def edges(graph: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """List the edges i -> j."""
    return [(int(i), int(j)) for i, j in np.argwhere(graph)]


graphs = st.integers(2, 7).flatmap(lambda d: arrays(np.bool_, (d, d)))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs, separator=st.sampled_from(",;\t"), data=st.data())
def test_both_forms_read_back_equal(
    tmp_path: Path, graph: NDArray[np.bool_], separator: str, data: st.DataObject
) -> None:
    """Law: a graph written as edges or as a square, rows and columns in any order, reads back equal."""
    np.fill_diagonal(graph, False)
    names = tuple(f"PT08.S{k}(x y)" for k in range(len(graph)))
    lines = [separator.join(["cause", "effect"]), *(separator.join([names[i], names[j]]) for i, j in edges(graph))]
    np.testing.assert_array_equal(read(tmp_path, "\n".join(lines), names), graph)
    rows, columns = data.draw(st.permutations(range(len(graph)))), data.draw(st.permutations(range(len(graph))))
    square = [separator.join(["", *(names[j] for j in columns)])]
    square += [separator.join([names[i], *(f"{graph[i, j]:d}" for j in columns)]) for i in rows]
    np.testing.assert_array_equal(read(tmp_path, "\n".join(square), names), graph)


@pytest.mark.parametrize(
    "text",
    [
        "cause,effect\na,b\nb,cc\n",
        "\ufeffCause , Effect\r\n a ,b\r\nb, cc\r\n\r\n",
        "Source;Target;weight\na;b;0,5\nb;cc;\n",
        "weight\tfrom\tto\n1\ta\tb\n1\tb\tcc\n",
        "cause,effect\na,b\n\na,b\nb,cc\n,\n",
        "x,a,b,cc\na,0,1,0\nb,0,0,1.0\ncc,0,0,0\n",
        ",b,a,cc\ncc,False,False,False\na,True,False,False\nb,False,False,True\n",
        ";a;b;cc\na;0;1,0;0\nb;0;0;1\ncc;0;0;0\n",
    ],
)
def test_accepted_forms(tmp_path: Path, text: str) -> None:
    """Law: separators, headers in any case, further columns, double edges and blank lines are accepted."""
    assert edges(read(tmp_path, text)) == [(0, 1), (1, 2)]


def test_an_edge_list_without_rows_is_the_empty_graph(tmp_path: Path) -> None:
    """Law: a header alone says that there is no edge."""
    assert read(tmp_path, "cause,effect\n").sum() == 0


def test_hostile_names_are_names(tmp_path: Path) -> None:
    """Law: any text is a variable, also cause and effect, numbers, and the quoted form of a spreadsheet formula."""
    assert edges(read(tmp_path, ",cause,effect\ncause,0,1\neffect,0,0\n", ("cause", "effect"))) == [(0, 1)]
    names = ("=1+1", '<b>"x"</b>', "1")
    assert edges(read(tmp_path, 'cause,effect\n\'=1+1,"<b>""x""</b>"\n1,=1+1\n', names)) == [(0, 1), (2, 0)]
    assert edges(read(tmp_path, "x,'=1+1,b\n'=1+1,0,0\nb,1,0\n", ("=1+1", "b"))) == [(1, 0)]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the file is empty", ""),
        ("cause,effect\na,B\n", "unknown variable `B` (line 2)", "did you mean `b` for `B`? The data have `a`"),
        ("cause,effect\na,b\nx1,y1\nx2,y2\n", "unknown variables `x1` (line 3), `y1` (line 3), `x2`", "The data have"),
        ("cause,effect\na,b\nb,b\n", "line 3: self-loop `b` -> `b`", "remove the line"),
        ("cause,effect\na,\n", "line 2 names no effect", "complete"),
        ("cause,effect\na,b,cc\n", "line 2 has 3 fields but the header has 2", ""),
        ("a,b\nb,cc\n", "neither an edge list nor a square matrix", "cause,effect"),
        ("0,1,0\n0,0,1\n0,0,0\n", "neither an edge list nor a square matrix", "names above"),
        (",a,b\na,0,1\nb,0,0\n", "has 2 columns but the data have 3 variables; missing: `cc`", "every variable"),
        (",a,b,cc\na,0,1,0\nb,0,0,1\n", "has 2 rows but the data have 3 variables; missing: `cc`", "every variable"),
        (
            ",a,b,cc,d\n" + "".join(f"{n},0,0,0,0\n" for n in "abcd"),
            "unknown variables `d` (line 5), `c` (line 4)",
            "did you",
        ),
        (",a,b,cc\na,0,1,0\na,0,0,1\ncc,0,0,0\n", "two rows are named `a`", "keep one"),
        (",a,b,cc\na,0,0.7,0\nb,0,0,1\ncc,0,0,0\n", '`a` -> `b`: must be 0 or 1 but got "0.7"', "threshold"),
        (",a,b,cc\na,0,nan,0\nb,0,0,1\ncc,0,0,0\n", 'line 2, `a` -> `b`: must be 0 or 1 but got "nan"', "write 0"),
        (",a,b,cc\na,0,,0\nb,0,0,1\ncc,0,0,0\n", "must be 0 or 1 but got an empty cell", "write 0"),
        (",a,b,cc\na,0,1,0\nb,0,1,1\ncc,0,0,0\n", "has a self-loop at `b`", "diagonal"),
    ],
)
def test_faulty_graphs_are_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """Law: a wrong graph ends in one line with path, place and remedy."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.message.startswith(str(tmp_path / "graph.csv"))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_graph_is_an_input_error(tmp_path: Path) -> None:
    """Law: a path that leads nowhere is said."""
    with pytest.raises(InputError, match="no such file"):
        read_graph(str(tmp_path / "graph.csv"), NAMES)


@needs_shared
@pytest.mark.parametrize(
    ("folder", "data", "graph", "count"),
    [
        ("air_quality", "AirQualityUCI.csv", "reference_edges.csv", 13),
        ("air_quality", "AirQualityUCI.csv", "alternative_edges.csv", 13),
        ("sachs", "sachs_observational.csv", "consensus_edges.csv", 17),
    ],
)
def test_the_shared_graphs_fit_the_shared_data(folder: str, data: str, graph: str, count: int) -> None:
    """Law: the names in the real files agree."""
    names = read_table(str(SHARED / folder / data), DataConfig()).names
    assert read_graph(str(SHARED / folder / graph), names).sum() == count


@settings(max_examples=200)
@given(graph=graphs)
def test_a_cycle_is_found_exactly_where_there_is_one(graph: NDArray[np.bool_]) -> None:
    """Law: no cycle found if and only if no power of the graph has a trace; what is found is a cycle."""
    power, has_cycle = graph.astype(np.int64), False
    for _ in range(len(graph)):
        has_cycle |= bool(np.trace(power))
        power = ((power @ graph) > 0).astype(np.int64)
    cycle = find_cycle(graph)
    assert (cycle is not None) == has_cycle
    if cycle is not None:
        assert len(set(cycle)) == len(cycle)
        assert cycle[0] == min(cycle)
        assert all(graph[i, j] for i, j in itertools.pairwise([*cycle, cycle[0]]))
