"""A command as a process of its own, whose collector of garbage need not go over all that was imported.

Torch, Optuna and pandas are some 270,000 objects that stay. Going over them takes half a second of a default sweep,
and another half at the end of the process.
"""

import gc
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

OWN = threading.Event()
"""Set where the process runs one command and then ends."""
UNENDED = threading.Event()
"""Set where a library still works in a thread that it will not end: what it tears down under it may crash."""


def end_with(main: Callable[[], int]) -> None:
    """Run a command, and end the process with its exit code."""
    OWN.set()
    code = main()
    if UNENDED.is_set():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)
    gc.freeze()
    sys.exit(code)


def all_is_imported() -> None:
    """Leave what has been imported out of all collections to come, if the process runs one command."""
    if OWN.is_set():
        gc.freeze()
