"""The errors a person can cause or meet, each with its exit code and what to type next."""


class GraphsweepError(Exception):
    """Base of the errors that end a command with one line, a hint and an exit code.

    Args:
        message: where, what rule, and what was found; one line.
        hint: what to type or change; empty when there is nothing useful to say.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Keep the hint when the error travels between processes."""
        return type(self), (self.message, self.hint)


class InputError(GraphsweepError):
    """Wrong options, settings or data: nothing was run (exit code 2)."""

    exit_code = 2


class InputErrors(InputError):
    """Several wrong inputs found in one pass, reported together.

    Args:
        errors: the single errors, in the order found; at least one.
    """

    def __init__(self, errors: list[InputError]) -> None:
        super().__init__("; ".join(error.message for error in errors), errors[0].hint)
        self.errors = errors

    def __reduce__(self) -> tuple[type, tuple[list[InputError]]]:  # type: ignore[override]
        """Keep the parts when the error travels between processes."""
        return type(self), (self.errors,)


class RunFolderError(GraphsweepError):
    """The run folder is in use, unreadable, full or of a newer format (exit code 3)."""

    exit_code = 3


class ClusterError(GraphsweepError):
    """The cluster that trains has gone; the run folder is whole and can be continued (exit code 3)."""

    exit_code = 3


class NoResultError(GraphsweepError):
    """No trial gave a usable result, or a trial did not reproduce (exit code 4)."""

    exit_code = 4
