"""A run's finished trials in a store that a team shares: any database that Optuna writes to, or a journal file.

The store is a copy, and never in the way: a thread of its own writes to it, tries again where it is slow or
down, and at the end says what is missing. Nothing is read back but how many trials are there, so that a run
which is continued adds what it has not written yet, under the same numbers.
"""

import contextlib
import logging
import re
import socket
import threading
import uuid
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from studies.run_folder import RunFolder
from studies.store import hide, parts, readable, with_driver

NAME_FILE = "store.name"
CONNECT_SECONDS, ANSWER_SECONDS = 5, 20
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
CLOSE_SECONDS = 10.0


class Mirror:
    """Copies finished trials into a store, from a thread of its own.

    Args:
        url: of the store; see `store.check_store`.
        folder: the run's; its study in the store has a name of its own, kept in the folder.
        facts: what to say of the run in the store.
    """

    def __init__(self, url: str, folder: RunFolder, facts: dict[str, str]) -> None:
        self.url, self.shown = url, readable(url)
        self.study_name = study_name(folder)
        self.facts = {"run_folder": str(folder.path.absolute()), "host": socket.gethostname(), **facts}
        self.storage: BaseStorage | None = None
        self.study_id = -1
        self.trials: list[FrozenTrial] = []
        self.written: int | None = None
        self.trouble = ""
        self.changed = threading.Condition()
        self.closing = False
        self.thread = threading.Thread(target=self.work, name="mirror", daemon=True)
        self.thread.start()

    def offer(self, trials: list[FrozenTrial]) -> None:
        """Take all finished trials of the run, from number 0 on without a gap; returns at once."""
        with self.changed:
            self.trials = trials
            self.changed.notify()

    def close(self, command: str, seconds: float = CLOSE_SECONDS) -> list[str]:
        """Wait a little for what is not written; say that all is there, or what is missing and what writes it.

        Args:
            command: the one that made this run, for people to type again.
            seconds: how long to wait.
        """
        with self.changed:
            self.closing = True
            self.changed.notify()
        self.thread.join(seconds)
        with self.changed:
            done, total = self.written or 0, len(self.trials)
            if done >= total and self.written is not None:
                return [f"store      {total} trials in {self.shown}, study {self.study_name}"]
            why = self.trouble or f"no answer in {seconds:g} s"
        return [
            f"warning: {total - done} of {total} trials are not in the store {self.shown}: {why}",
            f"hint: once it answers, this writes them and trains nothing again: {command}",
        ]

    def work(self) -> None:
        """Write what there is to write, until it is all there and no more can come."""
        failures = 0
        while True:
            with self.changed:
                closing = self.closing
                if not closing and self.written == len(self.trials):
                    self.changed.wait()
                    continue
            try:
                self.catch_up()
                failures, self.trouble = 0, ""
            except STORE_FAILURES as error:
                self.trouble = self.reason(error)
                self.leave()
                if closing:
                    return
                with self.changed:
                    self.changed.wait_for(lambda: self.closing, RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            if closing:
                self.leave()
                return

    def catch_up(self) -> None:
        """Write what the store lacks, in order and under its own numbers."""
        storage = self.storage or self.connect()
        self.written = storage.get_n_trials(self.study_id)
        while self.written < len(self.trials):
            trial = self.trials[self.written]
            added = storage.create_new_trial(self.study_id, template_trial=trial)
            number = storage.get_trial_number_from_id(added)
            if number != trial.number:
                raise ValueError(f"another process writes to study {self.study_name}")
            self.written += 1

    def connect(self) -> BaseStorage:
        """Open the store and the run's study in it."""
        storage = open_store(self.url)
        study = optuna.create_study(
            study_name=self.study_name, storage=storage, direction="minimize", load_if_exists=True
        )
        self.study_id = study._study_id
        known = study.user_attrs
        for name, value in self.facts.items():
            if known.get(name) != value:
                study.set_user_attr(name, value)
        self.storage = storage
        return storage

    def leave(self) -> None:
        """Forget a connection that has failed; what was written is counted anew."""
        if self.storage is not None:
            with contextlib.suppress(*STORE_FAILURES):
                close_store(self.storage)
        self.storage = None

    def reason(self, error: BaseException) -> str:
        """Say in one line why the store could not be written, without a password."""
        cause: BaseException = error
        while cause.__cause__ is not None or getattr(cause, "orig", None) is not None:
            cause = getattr(cause, "orig", None) or cause.__cause__ or cause
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        return hide(lines[0] if lines else type(cause).__name__, self.url)


def store_failures() -> tuple[type[BaseException], ...]:
    """Return what a store that is down, slow, full or not one raises."""
    import sqlalchemy.exc

    return (
        OSError, ValueError, RuntimeError, LookupError, TypeError, AssertionError, AttributeError,
        sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError,
    )  # fmt: skip


STORE_FAILURES = store_failures()
logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)  # a pool logs what it recovers from


def study_name(folder: RunFolder) -> str:
    """Return the name of the run in a store: its folder's, and six digits that no other folder has."""
    path = folder.path / NAME_FILE
    name = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", name):
        name = f"{folder.path.name}-{uuid.uuid4().hex[:6]}"
        folder.write(NAME_FILE, f"{name}\n")
    return name


def open_store(url: str) -> BaseStorage:
    """Return Optuna's storage for a URL or a journal file, with limits on how long it may take."""
    if "://" not in url:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        path = str(Path(url).absolute())
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    full = with_driver(url)
    kind, _ = parts(full)
    limits: dict[str, int] = {"timeout" if kind == "sqlite" else "connect_timeout": CONNECT_SECONDS}
    if kind == "postgresql":
        limits |= {"tcp_user_timeout": 1000 * ANSWER_SECONDS, "keepalives_idle": ANSWER_SECONDS}
    settings: dict[str, Any] = {"connect_args": limits}
    if kind != "sqlite":
        settings |= {"pool_size": 1, "max_overflow": 1, "pool_timeout": CONNECT_SECONDS, "pool_pre_ping": True}
    return optuna.storages.RDBStorage(full, engine_kwargs=settings)


def close_store(storage: BaseStorage) -> None:
    """Close the connections to a store."""
    storage.remove_session()
    if isinstance(storage, optuna.storages.RDBStorage):
        storage.engine.dispose()
