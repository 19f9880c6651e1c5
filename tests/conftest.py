"""No test judges by the clock, nor by how it was started: a slow machine or a job in the background is no failure."""

import signal

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background jobs; programs under test inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
