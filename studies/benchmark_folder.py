"""A run folder that times its own checkpoints."""

import time
from pathlib import Path

from studies.checkpoint import Saved
from studies.run_folder import RunFolder


class TimedFolder(RunFolder):
    """A run folder that counts the rounds, and the seconds that the search waits for their checkpoints."""

    def __init__(self, path: Path, swept: list[str]) -> None:
        super().__init__(path, swept)
        self.rounds, self.checkpoint_seconds = 0, 0.0

    def checkpoint(self, saved: Saved) -> None:
        """Save, and note how long it took."""
        begin = time.perf_counter()
        super().checkpoint(saved)
        self.rounds, self.checkpoint_seconds = self.rounds + 1, self.checkpoint_seconds + time.perf_counter() - begin

    def settle(self) -> None:
        """Wait for the last one, and note how long it took."""
        begin = time.perf_counter()
        super().settle()
        self.checkpoint_seconds += time.perf_counter() - begin
