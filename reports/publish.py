"""What all pages share: figures drawn in one style, a template filled under one policy, and files that appear whole."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from core.errors import RunFolderError
from reports.colours import COLOURS
from reports.drawing import Picture, Plot, rendered, theme
from reports.files import replace_file
from reports.pictures import write_pictures

HERE = Path(__file__).parent


def drawn(plots: Iterator[Plot | None]) -> list[Picture]:
    """Render figures in the pages' style; None, a figure without numbers, is left out.

    Args:
        plots: an iterator that draws each figure only when it is asked for it, in that style.
    """
    with theme():
        return [rendered(plot) for plot in plots if plot is not None]


def filled(template: str, *, style: str = "", script: str = "", **content: Any) -> str:
    """Fill a page; everything that comes from files is escaped, and nothing is ever requested.

    Args:
        template: the template's file name.
        style: rules beyond those of all pages.
        script: the page's script; a page without one allows none.
        content: what else the template names; the SVG of pictures goes in as it is.
    """
    style = compact(f"{colour_style()}\n{(HERE / 'page.css').read_text(encoding='utf-8')}\n{style}")
    allowed = f"script-src '{digest(script)}'; " if script else ""
    return (
        templates()
        .get_template(template)
        .render(
            **content,
            markup=Markup,
            style=Markup(style),
            script=Markup(script),
            policy=(
                f"default-src 'none'; {allowed}style-src '{digest(style)}'; img-src data:; "
                "base-uri 'none'; form-action 'none'"
            ),
        )
    )


def write_page(target: Path, page: str, heading: str, pictures: list[Picture], known: Iterable[str]) -> Path:
    """Write a page's figures and what they show, then, by rename, the page: a kill leaves the old one.

    Args:
        target: the folder; made where it is missing.
        page: the HTML. heading: what the figures belong to. pictures: the figures, in the order of the page.
        known: names of the figures that a page of this kind may have; those that this one lacks are removed.

    Returns:
        The path of report.html.

    Raises:
        RunFolderError: the folder cannot be written to.
    """
    try:
        write_pictures(target / "figures", heading, pictures, known)
        replace_file(target / "report.html", page.encode("utf-8", "replace"))
    except OSError as error:
        hint = "free some space, or write elsewhere: --out DIR"
        raise RunFolderError(f"{target}: the report cannot be written: {error.strerror or error}", hint) from error
    return target / "report.html"


def templates() -> jinja2.Environment:
    """Return the templates of the pages; everything filled in is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def colour_style() -> str:
    """Write the colours as CSS variables for light, dark and print, and a class for each role."""
    light, dark = (";".join(f"--{role}:{pair[k]}" for role, pair in COLOURS.items()) for k in (0, 1))
    classes = "".join(f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in COLOURS)
    return (
        f":root{{{light};color-scheme:light dark}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{{light};color-scheme:light}}}}{classes}"
    )


def compact(style: str) -> str:
    """Take off what a style sheet does not need."""
    return "\n".join(line.strip() for line in style.splitlines() if line.strip())


def digest(text: str) -> str:
    """Give the hash by which the page's policy allows a script or a style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
