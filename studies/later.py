"""One piece of work at a time beside the main thread: what fails there is raised where it is waited for."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Later:
    """Does what it is given in a thread of its own."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None

    def begin(self, work: Callable[[], None]) -> None:
        """Begin, once what was begun before has ended well."""
        self.settle()
        self.pending = self.thread.submit(work)

    def settle(self) -> None:
        """Wait for what was begun; raise what it raised, once."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait for what was begun, however it ends, and let the thread go."""
        self.thread.shutdown(wait=True)
