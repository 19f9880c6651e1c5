"""How strong each edge is: the share of its target's variation that is lost when the edge is cut.

The probability that a gate is open saturates at 1 for every edge that training kept, true or not, so it
ranks badly. What an edge explains ranks well, depends little on the price it was learned at, and has a cut
with a meaning.
"""

import torch
from torch import Tensor

from core.config import TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, samples
from core.kernel_pack import packed
from core.kernel_plan import plan_of
from core.kernel_strength import edge_errors
from core.model import Parameters, model_shape, open_probability

NEEDED_SHARE = 0.025


def readout_rows(dataset: Dataset, config: TrainerConfig, limit: int) -> Tensor:
    """Return `limit` rows or fewer (one more at most), evenly spread over training and validation, (d, 2 + F, B)."""
    parts = [samples(dataset, part, config).rows for part in (TRAIN, VALIDATION)]
    total = sum(len(part) for part in parts)
    step = max(1, -(-total // limit))
    return torch.cat([part[::step] for part in parts]).permute(1, 2, 0).contiguous()


def edge_strengths(value: Parameters, heat: Tensor, rows: Tensor, config: TrainerConfig) -> Tensor:
    """Return the learned graph: A_ij = r / (r + c), r the share of the error of j that edge i -> j saves.

    r_ij = (e_j without i - e_j) / (e_j without any parent), e_j the mean squared error over the observed
    rows, everything else as learned; c is `NEEDED_SHARE`, so that an edge above 0.5 saves more than that.
    Only edges whose gate is open with probability above one half can have a strength, and only they are cut.

    Args:
        value: parameters of K lanes.
        heat: (K,) gate temperature.
        rows: (d, 2 + F, B) standardised target, observed flag and features, as of `readout_rows`.
        config: fixed settings.

    Returns:
        (K, d, d) float32 in [0, 1), [i, j] is i -> j, zero diagonal; exactly 0 for edges that are shut,
        carry nothing, or do harm, and where a lane's weights are not numbers. The true graph is not read.
    """
    plan = plan_of(model_shape(rows.shape[0], config), config)
    gates = (open_probability(value.gate, heat) > 0.5).float()
    lanes, d = gates.shape[:2]
    whole, alone, without = torch.empty(lanes, d), torch.empty(lanes, d), torch.zeros(lanes, d, d)
    found = (whole.numpy(), alone.numpy(), without.numpy())
    edge_errors(packed(value).numpy(), gates.numpy(), rows.contiguous().numpy(), plan, *found)
    saved = (without - whole[:, None]) / alone[:, None].clamp(min=1e-12)
    # a lane that diverged saves nothing
    share = torch.where((gates > 0) & (saved > 0) & saved.isfinite(), saved, 0.0)
    return share / (share + NEEDED_SHARE)
