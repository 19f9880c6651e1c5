"""The run's copy of its finished trials as an Optuna journal, for `optuna.load_study` and optuna-dashboard."""

import contextlib
import time
import warnings
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from studies.files import UNREADABLE, check_journal, cut_torn_line, folder_error, no_journal

LOCK_SECONDS = 1.0
"""After which a lock that nobody has released is a killed process's; a write takes milliseconds."""


class Journal:
    """The run's Optuna journal: finished trials under their own numbers, one write each.

    Opens with `optuna.load_study` and optuna-dashboard. It is a copy: nothing is ever read back from it
    but the number of trials it has.

    Args:
        path: the file, absolute. A last line that a kill or a full disk has torn is cut off, and kept beside it.
        study_name: the study's name in it.

    Raises:
        RunFolderError: the file is not a journal, or cannot be written.
    """

    def __init__(self, path: str, study_name: str) -> None:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        self.path = Path(path)
        try:
            drop_dead_lock(self.path)
            cut_torn_line(self.path)
            check_journal(self.path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
                study = optuna.create_study(
                    study_name=study_name, storage=self.storage, direction="minimize", load_if_exists=True
                )
            self.study_id = study._study_id
            self.written = len(study.get_trials(deepcopy=False))
        except (*UNREADABLE, AssertionError, optuna.exceptions.OptunaError) as error:
            refused = refusal(error)
            if refused is not None:
                raise folder_error(self.path, refused) from error
            raise no_journal(self.path, f"some line ({type(error).__name__})") from error

    def append(self, trials: list[FrozenTrial]) -> None:
        """Write finished trials; the first must be the one after the last written."""
        for trial in trials:
            try:
                self.storage.create_new_trial(self.study_id, template_trial=trial)
            except (OSError, RuntimeError) as error:
                refused = refusal(error)
                if refused is None:
                    raise
                raise folder_error(self.path, refused) from error
            self.written += 1


def drop_dead_lock(path: Path) -> None:
    """Remove the lock of a process that was killed while it wrote; Optuna by itself waits half a minute for it.

    No other sweep writes to the journal, since the run folder is locked; a dashboard may, for a moment.
    """
    lock = path.with_name(f"{path.name}.lock")
    with contextlib.suppress(FileNotFoundError):
        taken = lock.stat().st_mtime_ns
        time.sleep(LOCK_SECONDS)
        if lock.stat().st_mtime_ns == taken:
            lock.unlink()


def refusal(error: BaseException | None) -> OSError | None:
    """Return what the system refused, if that is behind an error: Optuna's lock turns it into a RuntimeError."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
