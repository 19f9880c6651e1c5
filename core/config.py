"""Settings: the swept ones (one value per lane), the fixed ones of training, and those of the data.

A setting's default, meaning and permitted range stand once, beside its field; the YAML reader, the
command line and `--show-config` take them from here. Imports neither torch nor numpy, so that a wrong
setting is reported at once.
"""

from dataclasses import dataclass, field
from typing import Any

BUILT_IN = ("sensors", "sem")
TIMELESS = ("sem",)
GRAPH_KINDS = ("er", "scale_free")
NOISE_KINDS = ("equal", "unequal")
MECHANISMS = ("tanh", "linear", "square", "abs", "product")


def setting(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field with its default, meaning and closed range or choices."""
    metadata = {"meaning": meaning, "low": low, "high": high, "choices": choices}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Hyperparameters:
    """The settings that a sweep may search: one value per trial, one element per lane.

    `space.<name>` in the YAML searches a field; a field not searched keeps its default here.
    """

    lambda_sparse: float = setting(0.03, "price of an edge, in nats of log-likelihood per row", low=0)
    lambda_acyclic: float = setting(1e-5, "weight of the acyclicity penalty h(A)", low=0)
    lr: float = setting(0.01, "Adam's learning rate at the start", low=1e-8, high=10)
    lambda_recon: float = setting(1.0, "weight of the reconstruction term", low=0)
    lambda_disen: float = setting(1e-4, "weight of the correlation between the latents", low=0)
    weight_decay: float = setting(1e-4, "Adam's L2 weight decay; never on the gates", low=0, high=1)


@dataclass(frozen=True)
class TrainerConfig:
    """The fixed part of training: shared by all lanes of a study, never swept."""

    architecture: str = setting(
        "parents_only",
        "the learner; original: one that cannot learn a graph, kept to show why; its sizes and squared error are fixed",
        choices=("parents_only", "original"),
    )
    epochs: int = setting(100, "epochs of a trial that is neither pruned nor stopped early", low=1)
    batch_size: int = setting(64, "rows a step; windows a step where trainer.window is not 0", low=2)
    window: int = setting(
        0, "rows of the overlapping windows that the original is trained on; 0: single rows", low=0, high=1000
    )
    standardise: str = setting(
        "observed",
        "mean 0 and deviation 1 of the observed training values; filled: with blanks as zero first, over the "
        "training windows; none: raw values",
        choices=("observed", "filled", "none"),
    )
    reduction: str = setting(
        "mean",
        "terms of the loss as means, or as sums over all entries of a batch (or of all validation rows)",
        choices=("mean", "sum"),
    )
    acyclicity: str = setting(
        "log_det",
        "what lambda_acyclic weighs; log_det: all cycles; walks: max(0, tr((I + A/d)^3) - d); trace_cubed: tr(A^3)",
        choices=("log_det", "walks", "trace_cubed"),
    )
    evaluate_every: int = setting(4, "epochs between two evaluations", low=1)
    patience: int = setting(15, "evaluations without progress before a trial stops early", low=1)
    max_lag: int = setting(3, "steps of history that an encoder reads; 0: rows without time", low=0, high=50)
    level_span: int = setting(60, "rows over which a variable's own slow level is averaged; 0: not read", low=0)
    instantaneous: bool = setting(False, "parents also act within the same row (always so at max_lag 0)")
    reconstruction: str = setting(
        "likelihood", "Gaussian negative log-likelihood, or squared error", choices=("likelihood", "mse")
    )
    signal_width: int = setting(6, "size of the latent that a variable sends along its edges", low=1)
    bias_width: int = setting(3, "size of the latent that a variable keeps for itself", low=1)
    hidden_width: int = setting(16, "tanh units of each decoder", low=1)
    noise_width: int = setting(1, "size of the latent that sets a variable's error bar", low=1)
    clip_norm: float = setting(5.0, "largest gradient norm of a lane; steps over it are clipped", low=1e-12)
    temperature_start: float = setting(0.7, "gate temperature at the first epoch", low=0.01, high=5)
    temperature_end: float = setting(0.2, "gate temperature after the warm-up", low=0.01, high=5)
    warmup: float = setting(0.3, "share of the epochs over which temperature and lambda_sparse ramp", low=0, high=1)
    decay_start: float = setting(
        0.3, "share of the epochs after which the learning rate falls along a cosine; 1: never", low=0, high=1
    )
    plateau: str = setting(
        "val_loss",
        "what lowers the learning rate and stops a trial early; val_shd looks at the true graph; none: the rate is "
        "never lowered on a plateau, and val_loss stops",
        choices=("val_loss", "val_shd", "none"),
    )
    plateau_factor: float = setting(0.5, "learning rate is multiplied by this at a plateau", low=0.01, high=1)
    plateau_patience: int = setting(3, "evaluations without progress before the learning rate drops", low=0)
    plateau_cooldown: int = setting(1, "evaluations after a drop during which none is counted", low=0)
    thresholds: str = setting(
        "21",
        "cuts tried when tuning on the true graph: 21 from 0 to 1, or all distinct values; fixed: 0.5, nothing tuned",
        choices=("21", "all", "fixed"),
    )
    health_log: bool = setting(
        True, "keep gradient norms, clip ratio and parts of the loss; the weights do not depend on it"
    )


@dataclass(frozen=True)
class DataConfig:
    """What is learned from: a built-in simulation, or files and how to read them."""

    name: str = setting(
        "sensors", "simulation sensors (over time) or sem (rows without time), a CSV or NPZ file, a folder of arrays"
    )
    graph: str = setting("", "true or reference graph: edge list cause,effect or square CSV; empty: none")
    seed: int = setting(1337, "seed of the simulation: its graph, its effects and its noise", low=0)
    rows: int = setting(2000, "rows simulated", low=1)
    variables: int = setting(13, "variables simulated", low=2, high=500)
    edges: int = setting(13, "edges of the simulated graph", low=0)
    graph_kind: str = setting(
        "er", "er: edges between any two variables alike (Erdős-Rényi); scale_free: hubs", choices=GRAPH_KINDS
    )
    cycles: int = setting(0, "how many of the edges close directed cycles: feedback over time; at most half", low=0)
    mechanism: str = setting("tanh", "how parents act in the simulation", choices=MECHANISMS)
    noise: float = setting(0.1, "standard deviation of the driving noise of sensors; that of sem is 1", low=1e-6)
    noise_kind: str = setting(
        "equal", "the same noise for all variables, or a factor from 0.5 to 2 for each", choices=NOISE_KINDS
    )
    missing: float = setting(0.08, "share of the simulated values that is missing at random", low=0, high=0.95)
    corruption: str = setting(
        "clean",
        "how the simulation is corrupted, in this order if several are joined with +: clean, mild, moderate, severe, "
        "extreme, corrupted, noise_0.3, level_noise, bias_additive, bias_multiplicative, drift, regimes_3, outliers, "
        "sensor_failure, mcar_30, mnar_self, mnar_structural",
    )
    separator: str = setting("", "what stands between a CSV's fields; empty: recognised")
    decimal: str = setting("", "decimal sign of a CSV; empty: recognised", choices=("", ".", ","))
    missing_values: list[str] = setting([], "further texts that mean missing in a CSV")
    blank_rows: str = setting(
        "drop", "rows of separators alone at the end of a CSV: no rows, or rows with nothing measured",
        choices=("drop", "keep"),
    )  # fmt: skip
