"""Make matplotlib's SVG fit for the page: one drawing for light, dark and print.

Each light colour stands for a role and becomes a class, so that the page's style sheet colours it. Inline
styles become attributes, because the page's security policy forbids them. Ids get a prefix, because those of
two drawings would clash in one page.
"""

import re
import xml.etree.ElementTree as ET

from reports.colours import ROLES

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
KEPT_STYLES = frozenset(
    [
        "stroke-width",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "text-anchor",
    ]
)


def themed_svg(text: str, prefix: str, title: str, description: str) -> str:
    """Make matplotlib's SVG fit for the page: classes for colours, prefixed ids, a title and a description.

    Raises:
        ValueError: the drawing uses a colour that is no role of `COLOURS`.
    """
    root = ET.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {SVG + "metadata", SVG + "style"} or not isinstance(child.tag, str):
                parent.remove(child)
    used = _references(root)
    for element in root.iter():
        _plain_attributes(element, prefix, used)
    _flatten(root)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}-title {prefix}-desc"}
    for index, (tag, words) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(SVG + tag, {"id": f"{prefix}-{tag}"})
        element.text = words
        root.insert(index, element)
    ET.register_namespace("", SVG[1:-1])
    return _shortened(ET.tostring(root, encoding="unicode"))


def _references(root: ET.Element) -> set[str]:
    """Find the ids that something points to; all others only cost space."""
    used: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == XLINK + "href" and value.startswith("#"):
                used.add(value[1:])
            used.update(re.findall(r"url\(#([^)]+)\)", value))
    return used


def _plain_attributes(element: ET.Element, prefix: str, used: set[str]) -> None:
    """Turn one element's inline style into classes and attributes, and prefix its ids."""
    style = element.attrib.pop("style", "")
    for key in ("fill", "stroke"):
        if key in element.attrib:
            style += f";{key}: {element.attrib.pop(key)}"
    classes: list[str] = []
    for declaration in filter(None, (part.strip() for part in style.split(";"))):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key in {"fill", "stroke"}:
            if value == "none" or value.startswith("url("):
                element.set(key, value)
            else:
                classes.append(f"{key[0]}-{_role(value)}")
        elif key == "font-size":
            element.set(key, value.removesuffix("px"))
        elif key == "font-weight" and value in {"600", "700", "bold"}:
            element.set(key, "600")
        elif key in KEPT_STYLES:
            element.set(key, value)
    if classes:
        element.set("class", " ".join(classes))
    if "id" in element.attrib and element.attrib["id"] not in used:
        del element.attrib["id"]
    for key, value in list(element.attrib.items()):
        if key == "transform" and value.startswith("rotate(-0 "):
            del element.attrib[key]
        elif key == "id":
            element.set(key, f"{prefix}-{value}")
        elif key == XLINK + "href":
            del element.attrib[key]
            element.set("href", f"#{prefix}-{value[1:]}" if value.startswith("#") else value)
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{prefix}-"))


def _role(colour: str) -> str:
    role = ROLES.get(colour.lower())
    if role is None:
        raise ValueError(f"a figure must use the colours of the theme but got {colour}")
    return role


def _flatten(element: ET.Element) -> None:
    """Lift the children of groups that carry no attribute: they cost nodes and mean nothing."""
    kept: list[ET.Element] = []
    for child in element:
        _flatten(child)
        if child.tag in {SVG + "g", SVG + "defs"} and not child.attrib:
            if child.tag == SVG + "g":
                kept.extend(child)
            elif len(child):
                kept.append(child)
        else:
            kept.append(child)
    element[:] = kept


def _shortened(markup: str) -> str:
    """Round coordinates in paths to two decimals and drop line breaks: half the size, the same picture."""
    markup = re.sub(r'(?<= d=")[^"]*', lambda match: _rounded(match.group()), markup)
    markup = re.sub(r'(?<= (?:x|y)=")[\d.-]+(?=")', lambda match: _rounded(match.group()), markup)
    markup = re.sub(r'(?<= transform=")[^"]*', lambda match: _rounded(match.group()), markup)
    return re.sub(r">\s+<", "><", markup)


def _rounded(text: str) -> str:
    numbers = re.sub(r"-?\d+\.\d+", lambda match: f"{float(match.group()):.2f}".rstrip("0").rstrip("."), text)
    return re.sub(r"\s+", " ", numbers).strip()
