"""A second process that draws figures of a run while the first one does: two cores draw a report in half the time.

It reads the run folder itself, and draws the same bytes. Should it fail or be lost, the first process draws alone.
"""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from core.processors import cores

if TYPE_CHECKING:
    from reports.drawing import Picture

PATIENCE = 60.0
"""Seconds that the second process may take for the figure that it is at when all others are drawn."""
LOST = (OSError, EOFError, ValueError, pickle.UnpicklingError)


class Beside:
    """The second process. It starts to import at once, and ends with the first one, whatever ends that.

    folder: the run that it draws, once that is known. taken: how many figures were begun here. left: how many were not
    begun there, once it has said how many there are. found: what it drew, by place.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reports.beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the first one
        )
        self.folder: Path | None = None
        self.taken, self.left, self.lock = 0, sys.maxsize, Lock()
        self.found: dict[int, Picture | None] = {}
        self.thread = Thread(target=self.fetch, daemon=True)

    def begin(self, folder: Path) -> None:
        """Let it draw the figures of a run whose records are complete, from the last one on."""
        if self.folder is None:
            self.folder = folder.absolute()
            self.thread.start()

    def share(self, count: int, draw: Callable[[int], "Picture | None"]) -> list["Picture | None"]:
        """Draw the figures of the run, from the first one on, as far as they are not begun there.

        Args:
            count: how many figures. draw: draws one of them here, by its place.

        Returns:
            The figures in order; None where the run has no numbers for one.
        """
        here = {}
        while (place := self.next_here(count)) < count:
            here[place] = draw(place)
        self.thread.join(PATIENCE)
        self.close()
        self.thread.join()
        found = {**self.found, **here}
        return [found[place] if place in found else draw(place) for place in range(count)]

    def next_here(self, count: int) -> int:
        """Take the first figure that is not begun; `count` where there is none."""
        with self.lock:
            if self.taken >= min(self.left, count):
                return count
            self.taken += 1
            return self.taken - 1

    def next_there(self) -> int | None:
        """Take the last figure that is not begun; None where there is none."""
        with self.lock:
            if self.taken >= self.left:
                return None
            self.left -= 1
            return self.left

    def fetch(self) -> None:
        """Have one figure after the other drawn there, until none is left or the process is lost."""
        with contextlib.suppress(*LOST):
            count = self.answer()
            with self.lock:
                self.left = count
            while (place := self.next_there()) is not None:
                self.ask((str(self.folder), place))
                self.found[place] = self.answer()

    def ask(self, what: tuple[str, int]) -> None:
        """Tell the second process what to draw."""
        assert self.process.stdin is not None
        pickle.dump(what, self.process.stdin)
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Wait for what it says."""
        assert self.process.stdout is not None
        return pickle.load(self.process.stdout)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()
        self.process.wait()


running: list[Beside] = []
"""The second process, where there is one."""


def begin(folder: Path) -> None:
    """Let the second process, where there is one, draw a run."""
    for beside in running:
        beside.begin(folder)


def drawing(folder: Path) -> Beside | None:
    """Return the second process where it draws this run."""
    return next((beside for beside in running if beside.folder == folder.absolute()), None)


@contextlib.contextmanager
def drawing_beside() -> Iterator[None]:
    """Let a second process draw too, where there is a second core and the system has room for one."""
    second = None
    with contextlib.suppress(OSError):
        second = Beside() if cores() > 1 else None
    if second is None:
        yield
        return
    running.append(second)
    try:
        yield
    finally:
        running.remove(second)
        second.close()


def serve() -> None:
    """Draw what is asked for on standard input until it ends."""
    from reports.page import PLOTS, picture_at  # noqa: PLC0415 - the process that waits for it must not import this
    from reports.tables import load_run  # noqa: PLC0415

    asked, told, run = sys.stdin.buffer, os.fdopen(os.dup(1), "wb"), None
    os.dup2(2, 1)  # nothing but answers is to come there
    with contextlib.suppress(EOFError, OSError):
        answer(told, len(PLOTS))
        while True:
            folder, place = pickle.load(asked)
            run = run or load_run(Path(folder))
            answer(told, picture_at(run, place))


def answer(told: Any, what: Any) -> None:
    """Hand something to the first process."""
    pickle.dump(what, told)
    told.flush()


if __name__ == "__main__":
    serve()
