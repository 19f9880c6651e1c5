"""A setting as written: the text of a value, and where it stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Where:
    """Where a value was written.

    Args:
        source: a file, `--set KEY=VALUE`, or the name of an option such as `--trials`.
        line: line of the file, from 1; 0 where the source is no file.
        option: the source is an option, which stands for one setting and so names it by itself.
    """

    source: str
    line: int = 0
    option: bool = False

    @property
    def place(self) -> str:
        """The place as an error names it."""
        return f"{self.source}, line {self.line}" if self.line else self.source

    def of(self, name: str) -> str:
        """Name a setting together with its place, as the subject of an error."""
        return self.source if self.option else f"{self.place}: {name}"


@dataclass
class Node:
    """A value as written: the text of a scalar, the items of a list, or the entries of a mapping."""

    where: Where
    text: str = ""
    quoted: bool = False
    items: "list[Node] | None" = None
    entries: "dict[str, Node] | None" = None

    @property
    def is_scalar(self) -> bool:
        """Neither a list nor a mapping."""
        return self.items is None and self.entries is None

    @property
    def is_null(self) -> bool:
        """Nothing was written, or YAML's word for nothing."""
        return self.is_scalar and not self.quoted and self.text.strip().lower() in ("", "~", "null")

    def shown(self) -> str:
        """The value as an error quotes it: short, text in backticks, numbers bare."""
        if self.is_null or (self.is_scalar and not self.text):
            return "nothing"
        if self.is_scalar:
            return self.text if _is_number(self.text) else f"`{shorten(self.text)}`"
        return f"`{shorten(self._flow())}`"

    def _flow(self) -> str:
        if self.entries is not None:
            return "{" + ", ".join(f"{name}: {child._flow()}" for name, child in self.entries.items()) + "}"
        if self.items is not None:
            return "[" + ", ".join(child._flow() for child in self.items) + "]"
        return self.text


def one_line(text: str) -> str:
    """Escape what does not print: line breaks, control characters, bytes that are no UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shorten(text: str, longest: int = 60) -> str:
    """Cut what a person wrote so that an error keeps to one readable line."""
    text = one_line(text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return len(text) < 40
