"""Which setting moves the score: the share of the trials' ranking that each one explains in an additive fit.

Settings and score are replaced by their ranks, so that only orders count: no scale, no outlier. The score's rank
is fitted by a sum of polynomials, one for each setting (least squares on Legendre polynomials), and the R² of the
fit is shared out by the Shapley value: a setting's average gain in R² over all orders of entering it. That is the
LMG measure (Lindeman, Merenda, Gold 1980; Groemping 2007), of polynomials in place of straight lines. Shares
are zero or more and add up to the R² of the whole fit, however correlated a sampler has made the settings.

What chance would give is measured: the scores are shuffled over the trials, and the 95th percentile of the largest
share is the line that a setting must cross (so that one sweep in 20 without any effect crosses it). Whiskers are a
bootstrap over trials, shifted to the estimate, as a sample that repeats trials flatters every fit.

Limits: an effect that a setting has only together with another (no effect on average) is not seen; nor is one with
more bends than the polynomial has. A sampler that has settled on good values leaves little to explain there: the
share is about the values that were tried, not about the whole range. fANOVA (Hutter, Hoos, Leyton-Brown 2014)
fits a random forest instead, and averages over the range. Measured with three settings, 50 trials and Optuna's TPE
at 16 lanes, 20 sweeps a case: first is the right one of a bowl in 20, a step 19, a weak slope 13, fANOVA 20, 19, 14.
Without any effect the line was crossed in 3 % of 200 random sweeps and 7 % of 150 sweeps by that TPE.
"""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.polynomial.legendre import legvander

from reports.columns import Floats
from reports.run import Run
from reports.scores import scale_of
from reports.swept import Setting, swept

DRAWS = 200
LEVEL = 0.95
DEGREE = 3
TRIALS_PER_TERM = 4
MOST_SETTINGS = 6
SHARE_OF_WINS = 0.95


@dataclass(frozen=True, eq=False)
class Importances:
    """Shares of the ranking explained, in the order of the settings.

    Args:
        settings: the swept settings, p of them.
        share, low, high: (p,) in [0, 1], the share and its 95 % bootstrap interval.
        null: what the largest share stays under in 95 % of the sweeps without any effect.
        leads: share of the bootstrap samples in which the first setting is ahead of the second; 1 with one setting.
        trials: trials that have a score. pruned: how many of them were pruned, with their last score.
    """

    settings: tuple[Setting, ...]
    share: Floats
    low: Floats
    high: Floats
    null: float
    leads: float
    trials: int
    pruned: int

    @property
    def order(self) -> list[int]:
        """The settings, the largest share first."""
        return [int(k) for k in np.argsort(-self.share, kind="stable")]

    @property
    def clear(self) -> list[int]:
        """The settings whose share is more than chance would give, the largest first."""
        return [k for k in self.order if self.share[k] > self.null]

    @property
    def first_is_clear(self) -> bool:
        """Whether the order of the first two is more than luck."""
        return bool(self.clear) and self.leads >= SHARE_OF_WINS


def importances(run: Run) -> Importances | None:
    """Measure what each swept setting explains; None with too few trials, or where the score never differs.

    Pruned trials count with the score they were pruned with: leaving them out would hide bad settings.
    """
    settings = tuple(swept(run)[:MOST_SETTINGS])
    score = run.trials.number(scale_of(run).order)
    here = np.isfinite(score)
    for setting in settings:
        here &= np.isfinite(setting.values)
    n = int(here.sum())
    if not settings or n < TRIALS_PER_TERM * len(settings) or n < 2 * TRIALS_PER_TERM or np.ptp(score[here]) == 0:
        return None
    found = explained([setting.values[here] for setting in settings], score[here])
    return Importances(settings, *found, trials=n, pruned=int(np.sum(run.states[here] == "pruned")))


def explained(columns: list[Floats], score: Floats) -> tuple[Floats, Floats, Floats, float, float]:
    """Give share, low, high, null and leads of `Importances`.

    Args:
        columns: the p settings, (n,) each.
        score: (n,), not all equal.
    """
    n, p = len(score), len(columns)
    degree = max(1, min(DEGREE, n // (TRIALS_PER_TERM * p)))
    blocks = [_bent(column, degree) for column in columns]
    terms, owner = np.hstack(blocks), np.repeat(np.arange(p), [block.shape[1] for block in blocks])
    rng = np.random.default_rng(0)
    ranked = _ranks(score)
    share = _shares(terms, ranked[None], np.ones((1, n)), owner, p)[0]
    shuffled = rng.permuted(np.tile(ranked, (DRAWS, 1)), axis=1)
    null = _shares(terms, shuffled, np.ones((1, n)), owner, p).max(axis=1)
    drawn = rng.integers(n, size=(DRAWS, n))
    counts = np.stack([np.bincount(draw, minlength=n) for draw in drawn]).astype(np.float64)
    again = _shares(terms, ranked[None], counts, owner, p)
    again += share - again.mean(axis=0)
    tail = (1 - LEVEL) / 2
    low, high = np.clip(np.quantile(again, [tail, 1 - tail], axis=0), 0, 1)
    order = np.argsort(-share, kind="stable")
    leads = float(np.mean(again[:, order[0]] > again[:, order[1]])) if p > 1 else 1.0
    return share, low, high, float(np.quantile(null, LEVEL)), leads


def _ranks(values: Floats) -> Floats:
    """Rank values from -1 to 1, (n,); equal ones share the mean of their ranks."""
    _, where, times = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(times) - (times + 1) / 2
    return np.asarray(2 * middle[where] / max(len(values) - 1, 1) - 1, dtype=np.float64)


def _bent(column: Floats, degree: int) -> Floats:
    """Give the terms of one setting, (n, at most degree): fewer where it took few values."""
    return np.asarray(legvander(_ranks(column), min(degree, len(np.unique(column)) - 1))[:, 1:], dtype=np.float64)


def _shares(terms: Floats, score: Floats, weights: Floats, owner: np.ndarray[tuple[int], np.dtype[np.int64]],
            p: int) -> Floats:  # fmt: skip
    """Share out the R² among p settings by the Shapley value.

    Args:
        terms: (n, t), owned by setting owner[t].
        score: (m, n) or (1, n) scores to fit.
        weights: (m, n) or (1, n), how often each trial counts.

    Returns:
        (m, p), zero or more; a row adds up to the R² of the fit on all terms.
    """
    total = weights.sum(axis=1, keepdims=True)
    centre = (weights @ terms) / total
    gram = np.stack([(terms * w[:, None]).T @ terms for w in weights]) - total[..., None] * (
        centre[:, :, None] * centre[:, None, :]
    )
    weighted = weights * score
    mean = weighted.sum(axis=1, keepdims=True) / total
    slope = weighted @ terms - total * mean * centre
    spread = (weighted * score).sum(axis=1) - total[:, 0] * mean[:, 0] ** 2
    gain: dict[tuple[int, ...], Floats] = {(): np.zeros(len(slope))}
    for size in range(1, p + 1):
        for group in combinations(range(p), size):
            of = np.flatnonzero(np.isin(owner, group))
            inverse = np.linalg.pinv(gram[:, of[:, None], of], rcond=1e-9, hermitian=True)
            fitted = np.einsum("mi,mij,mj->m", slope[:, of], np.broadcast_to(inverse, (len(slope), *inverse.shape[1:])),
                               slope[:, of])  # fmt: skip
            gain[group] = fitted / np.maximum(spread, 1e-12)
    share = np.zeros((len(slope), p))
    for group, value in gain.items():
        for k in set(range(p)) - set(group):
            chance = factorial(len(group)) * factorial(p - len(group) - 1) / factorial(p)
            share[:, k] += chance * (gain[tuple(sorted((*group, k)))] - value)
    return np.clip(share, 0.0, 1.0)
