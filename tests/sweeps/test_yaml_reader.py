"""Laws of reading a settings file into values that know where they stand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from sweeps.nearest import nearest_file
from sweeps.nodes import Node
from sweeps.yaml_reader import MAX_BYTES, read_argument, read_file, read_text


def plain(node: Node) -> object:
    """The tree as lists, dicts and the texts as written."""
    if node.entries is not None:
        return {name: plain(child) for name, child in node.entries.items()}
    if node.items is not None:
        return [plain(child) for child in node.items]
    return None if node.is_null else node.text


def test_scalars_keep_the_text_as_written() -> None:
    """A scalar stays the text that was written: what it means is decided by the setting that takes it."""
    root, errors = read_text("a: 1e-4\nb: no\nc: [0123, 1:30]\nd: '~'\ne:\nf: 2024-01-01\n", "x.yaml")
    assert not errors
    assert plain(root) == {"a": "1e-4", "b": "no", "c": ["0123", "1:30"], "d": "~", "e": None, "f": "2024-01-01"}


def test_every_value_knows_its_line() -> None:
    """A value is found at the line of its key, an element of a list at its own."""
    root, _ = read_text("# note\na:\n  b:\n    - 1\n    - 2\n", "x.yaml")
    assert root.entries is not None
    inner = root.entries["a"].entries
    assert inner is not None
    assert inner["b"].where.place == "x.yaml, line 3"
    assert inner["b"].items is not None
    assert [item.where.place for item in inner["b"].items] == ["x.yaml, line 4", "x.yaml, line 5"]


def test_duplicate_keys_are_all_reported_with_both_lines() -> None:
    """The second of two equal keys is an error that names both lines; others are still found."""
    _, errors = read_text("a: 1\nb: {c: 1, c: 2}\na: 3\n", "x.yaml")
    assert [error.message for error in errors] == [
        "x.yaml, line 2: `b.c` is set twice, first in line 2",
        "x.yaml, line 3: `a` is set twice, first in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n\tb: 2\n", "x.yaml, line 2: found character '\\t' that cannot start any token"),
        ("a: [1, 2\nb: 3\n", "x.yaml, line 2: expected ',' or ']', but got ':'"),
        ("a: 1\n---\nb: 2\n", "x.yaml, line 2: but found another document"),
        ("a: &x 1\nb: *x\n", "x.yaml, line 2: anchors and aliases (& and *) are not read in settings"),
        ("a: &x [*x]\n", "x.yaml, line 1: anchors and aliases (& and *) are not read in settings"),
        ("a: 1\nb: \x07\n", "x.yaml, line 2: special characters are not allowed (character #x0007)"),
        ("a: " + "[" * 50 + "]" * 50, "x.yaml, line 1: nested deeper than 10 levels"),
        ('a: "\\UFFFFFFFF"\n', "x.yaml: not a YAML text: an escape or a number in it is out of range"),
    ],
)
def test_unreadable_text_is_one_line_with_its_place(text: str, message: str) -> None:
    """A text that cannot be read is one InputError of one line, with the line of the trouble."""
    with pytest.raises(InputError) as caught:
        read_text(text, "x.yaml")
    assert caught.value.message == message
    assert "\n" not in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object/apply:os.system [ls]\n", "x.yaml, line 1: the tag `!!python/object/apply:os.system`"),
        ("a: !mine 3\n", "x.yaml, line 1: the tag `!mine`"),
        ("a: !!binary aGk=\n", "x.yaml, line 1: the tag `!!binary`"),
        ("? [a]\n: 3\n", "x.yaml, line 1: a name is wanted before the colon"),
    ],
)
def test_only_plain_values_are_read(text: str, message: str) -> None:
    """Tags that build objects and keys that are no names are refused, never obeyed."""
    _, errors = read_text(text, "x.yaml")
    assert errors[0].message.startswith(message)


@given(st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"%@`#,? \n\t\\0U~=<\x00\ufeff"))))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, reading ends in a tree or in an InputError, never in another exception."""
    for read, first in ((read_text, text), (read_argument, "data.name")):
        message = ""
        try:
            _, errors = read(first, "x.yaml" if read is read_text else text)
            message = "".join(error.message for error in errors)
        except InputError as error:
            message = error.message
        assert "\n" not in message


def test_an_argument_is_a_scalar_as_written_unless_it_opens_a_collection() -> None:
    """After --set, only [, {, and quotes start YAML; anything else is the value itself."""
    cases = {
        "[1, 2]": ["1", "2"],
        " {low: 1}": {"low": "1"},
        '"a b"': "a b",
        "run #2.csv": "run #2.csv",
        "a: b": "a: b",
        "*": "*",
        ";": ";",
        "": None,
        "null": None,
    }
    for text, value in cases.items():
        node, errors = read_argument("k", text)
        assert not errors
        assert plain(node) == value
        assert node.where.place == f"--set k={text}"


def test_a_broken_argument_names_itself() -> None:
    """A collection that does not close after --set is reported with the argument, not with a line."""
    with pytest.raises(InputError) as caught:
        read_argument("space.lr", "[1, 2")
    assert caught.value.message.startswith("--set space.lr=[1, 2: expected ',' or ']'")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\n", "line 2: not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_files_that_are_no_settings(tmp_path: Path, content: bytes, message: str) -> None:
    """Bytes that are not UTF-8 and files over the limit are refused in one line."""
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_file(tmp_path / "x.yaml", "x.yaml")
    assert message in caught.value.message


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """A file that starts with a byte order mark reads as without."""
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    root, _ = read_file(tmp_path / "x.yaml", "x.yaml")
    assert plain(root) == {"a": "1"}


@pytest.mark.parametrize("text", ["", "# only a note\n", "---\n", "null\n"])
def test_nothing_written_reads_as_nothing(text: str) -> None:
    """An empty file, a comment and an empty document all read as null."""
    root, errors = read_text(text, "x.yaml")
    assert root.is_null
    assert not errors


def test_nearest_file_compares_paths_in_the_same_folder(tmp_path: Path) -> None:
    """A mistyped path suggests the file of that folder that is spelled most like it."""
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "other.yaml").touch()
    assert nearest_file(str(tmp_path / "mien.yml"), ".yaml") == str(tmp_path / "mine.yaml")
    assert nearest_file(str(tmp_path / "zzz"), ".yaml") == ""
    assert nearest_file(str(tmp_path / "absent" / "mine.yaml"), ".yaml") == ""
