"""YAML text -> a tree of values as written, each knowing its file and line.

A scalar stays text here. What it means is decided by the setting that takes it, so that YAML's own
guesses (`1e-4` is text, `no` is false, `0123` is 83) never reach a setting.
"""

from collections.abc import Callable
from pathlib import Path

import yaml

from core.errors import InputError
from sweeps.nodes import Node, Where, shorten

MAX_BYTES = 1_000_000
MAX_DEPTH = 10
PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "seq", "map")
}
FORM_HINT = "--show-config prints all settings in the right form"


def read_file(path: Path, label: str) -> tuple[Node, list[InputError]]:
    """Read a settings file.

    Args:
        path: the file.
        label: the file's name in errors.

    Returns:
        The tree, and the errors that leave the rest readable (duplicate keys, tags).

    Raises:
        InputError: the file cannot be read, is not UTF-8, is over MAX_BYTES, or is not YAML.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {label}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{label} is larger than 1 MB and so no settings file", FORM_HINT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{label}, line {line}: not UTF-8 text", "save the file as UTF-8") from error
    return read_text(text, label)


def read_text(text: str, label: str) -> tuple[Node, list[InputError]]:
    """Read YAML text; `label` is the file's name in errors. Returns and raises as `read_file`."""
    return _read(text, label, lambda line: Where(label, line))


def read_argument(key: str, text: str) -> tuple[Node, list[InputError]]:
    """Read the value of `--set key=text`.

    Only a bracket, a brace or a quote opens YAML; anything else is the value as it stands, so that a
    path with `#`, `: ` or `*` in it needs no quoting beyond the shell's.
    """
    where = Where(f"--set {key}={shorten(text)}")
    if text.lstrip()[:1] not in ("[", "{", '"', "'"):
        return Node(where, text), []
    return _read(text.lstrip(), where.place, lambda _: where)


class _Composer(yaml.SafeLoader):
    """SafeLoader's parser without aliases, whose expansion has no bound, and without deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            problem = "anchors and aliases (& and *) are not read in settings"
            raise yaml.composer.ComposerError(problem=problem, problem_mark=mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _read(text: str, label: str, where: Callable[[int], Where]) -> tuple[Node, list[InputError]]:
    """Compose the text and convert it; places are `where(line)`, troubles of the whole carry the label."""
    try:
        composed = yaml.compose(text, _Composer)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "indent with spaces, not with tabs" if "'\\t'" in str(error.problem) else FORM_HINT
        raise InputError(f"{where(line).place}: {error.problem}", hint) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise InputError(f"{where(line).place}: {error.reason} (character #x{code:04x})", FORM_HINT) from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"{label}: not a YAML text: an escape or a number in it is out of range") from error
    errors: list[InputError] = []
    if composed is None:
        return Node(where(1)), errors
    return _convert(composed, "", where(composed.start_mark.line + 1), where, errors), errors


def _convert(node: yaml.Node, name: str, place: Where, where: Callable[[int], Where], errors: list[InputError]) -> Node:
    """Turn one composed node into ours; `name` is its dotted path, `place` where it stands."""
    if node.tag not in PLAIN_TAGS:
        tag = shorten(node.tag.replace("tag:yaml.org,2002:", "!!"))
        errors.append(InputError(f"{place.place}: the tag `{tag}` is not read in settings", "leave the tag out"))
    if isinstance(node, yaml.ScalarNode):
        return Node(place, str(node.value), quoted=node.style is not None)
    if isinstance(node, yaml.SequenceNode):
        items = [_convert(item, name, where(item.start_mark.line + 1), where, errors) for item in node.value]
        return Node(place, items=items)
    return Node(place, entries=_entries(node, name, where, errors))


def _entries(node: yaml.Node, name: str, where: Callable[[int], Where], errors: list[InputError]) -> dict[str, Node]:
    """Convert a mapping's entries; of two equal keys the first is kept and the second reported."""
    entries: dict[str, Node] = {}
    for key_node, value_node in node.value:
        here = where(key_node.start_mark.line + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            errors.append(InputError(f"{here.place}: a name is wanted before the colon", FORM_HINT))
            continue
        key = str(key_node.value)
        full = f"{name}.{key}" if name else key
        child = _convert(value_node, full, here, where, errors)
        first = entries.setdefault(key, child).where
        if entries[key] is not child:
            also = f", first in line {first.line}" if first.line else ""
            errors.append(InputError(f"{here.place}: `{shorten(full)}` is set twice{also}", "keep one of the two"))
    return entries
