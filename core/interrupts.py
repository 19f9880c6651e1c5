"""Ctrl-C while a command is still being loaded: it ends the process as it ends any program, without a traceback."""

import signal
import sys


def end_quietly() -> None:
    """Let Ctrl-C end a `python -m` that is being loaded; to be called by the package that holds the command.

    Until it has found the module, Python names itself `-m`: an import by anybody else changes nothing, nor does a
    command that was started with the signal ignored, as by nohup.
    """
    if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def listen() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again, for somebody is there to catch it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
