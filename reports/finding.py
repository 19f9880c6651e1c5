"""One thing that a reader should check first."""

from dataclasses import dataclass

PLACES = {
    "compared": "See the comparison",
    "trials": "See all trials",
    "setup": "See the setup",
    "definitions": "See the definitions",
}


@dataclass(frozen=True)
class Finding:
    """One thing to check.

    Args:
        title: what it is, in a few words.
        text: the number and what it means.
        link: id of the figure or section to look at; empty for none.
        advice: what to do, in words; empty for none.
        setting: what to type for it; empty for none.
        grave: whether it puts the result itself in doubt.
    """

    title: str
    text: str
    link: str = ""
    advice: str = ""
    setting: str = ""
    grave: bool = False

    @property
    def where(self) -> str:
        """Word the link."""
        return PLACES.get(self.link, "See the figure")
