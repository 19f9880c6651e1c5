"""What a worker is as a process or thread: one thread of torch, deaf to Ctrl-C, and gone when its coordinator is."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import current_process, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import torch
from joblib.externals.loky.backend import resource_tracker as loky_tracker

Result = TypeVar("Result")
WORKER = "LokyProcess"
"""How joblib's loky names the processes it starts."""
WATCHING = threading.Event()
"""Set in a worker that watches whether its coordinator lives."""


def one_thread() -> None:
    """Keep torch to one thread: parallelism comes from processes, and two threads spin against each other."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def leave_ctrl_c() -> None:
    """Keep SIGINT from this thread, and from the processes that it starts, from their birth on.

    Ctrl-C reaches all processes of a terminal; a worker that is still importing would print a traceback.
    """
    for tracker in (resource_tracker, loky_tracker):
        tracker.ensure_running()  # starting one lets SIGINT in again
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def kill_workers() -> None:
    """End all worker processes of this one at once, where the system lists them (Linux)."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            for child in map(int, listed.read_text().split()):
                if WORKER.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(child, signal.SIGKILL)


def leave_with(parent: int) -> None:
    """End this process when its coordinator has ended; a killed one cannot tell its workers."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def in_worker(work: Callable[..., Result], *arguments: Any) -> Result:
    """Call `work` in a worker: with one thread, and, as a process of its own, no longer than its coordinator lives."""
    one_thread()
    own = threading.current_thread() is threading.main_thread()
    if own and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if own and current_process().name.startswith(WORKER) and not WATCHING.is_set():
        WATCHING.set()
        threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    return work(*arguments)
