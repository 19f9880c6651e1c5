"""No test judges by the clock: a machine that is slow or busy is no failure."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
