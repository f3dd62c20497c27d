"""Stage cnn: fit the slice network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import nn

from ihd_core.labels import LABELS, SUBTYPES, Label
from ihd_core.model_input import channels
from ihd_core.network import SliceCnn
from ihd_core.progress import Report, silent
from training.evaluate import auc
from training.features import slice_features
from training.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from training.config import CnnConfig, RunConfig
    from training.run_folder import RunFolder, Shard

_AIR = -1000


def train_cnn(run: RunFolder, config: RunConfig, *, report: Report = silent) -> Path:
    """Fit the slice network on the training split; return the file of its last weights.

    A label and a mask are learnt together: a second head marks the cells that hold hemorrhage, so that the features
    the linear head averages sit where the blood is.
    """
    torch.manual_seed(config.seed)
    numbers = config.cnn
    network = SliceCnn(numbers.backbone)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mask_head = nn.Conv2d(network.head.in_features, len(SUBTYPES), 1)
    nn.init.constant_(mask_head.bias, -4.0)  # type: ignore[arg-type]  # most cells are empty
    weights = [*network.parameters(), *mask_head.parameters()]
    optimizer = torch.optim.AdamW(weights, numbers.learning_rate, weight_decay=numbers.weight_decay)
    steps = numbers.epochs * (numbers.slices_per_epoch // numbers.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, numbers.learning_rate, total_steps=steps)
    shards = run.shards("train")
    last = run.path / "cnn.pt"
    rng = np.random.default_rng(config.seed)
    for epoch in range(numbers.epochs):
        network.train()
        started, losses = time.monotonic(), []
        for step, (x, truth, cells) in enumerate(batches(shards, numbers, rng)):
            report(epoch * (steps // numbers.epochs) + step, steps)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=numbers.bf16):
                output = network(x.to(memory_format=torch.channels_last))
                marked = mask_head(output.activations)
            total = label_loss(output.logits.float(), truth, numbers) + numbers.mask_weight * _mask_loss(
                marked.float(), cells
            )
            total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(float(total.detach()))
        torch.save(rounded(network), last)
        seconds, loss = time.monotonic() - started, float(np.mean(losses))
        run.append_metrics("cnn", epoch=epoch, loss=loss, seconds=seconds, any_slice_auc=_any_auc(network, run))
    return last


def load_cnn(run: RunFolder, config: RunConfig, name: str = "cnn-focused.pt") -> SliceCnn:
    """The network that a stage left in the run, in evaluation mode: "cnn.pt" or "cnn-focused.pt"."""
    network = SliceCnn(config.cnn.backbone)
    network.load_state_dict(torch.load(run.path / name, weights_only=True))
    return network.eval().requires_grad_(False)


def augmented(
    hu: NDArray[np.int16], cells: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The paper's five augmentations, in HU and before normalisation: flip, shift, rotate, scale, brightness.

    Args:
        hu: (side, side).
        cells: (subtypes, cells, cells); flipped and moved with the slice.
        rng: where the chance comes from.

    Returns:
        float32 of the same shapes.
    """
    side, grid = hu.shape[0], cells.shape[-1]
    angle, scale = rng.uniform(-15, 15), rng.uniform(0.85, 1.15)
    shift = rng.uniform(-0.06, 0.06, 2)
    mirror = rng.random() < 0.5

    def moved(picture: NDArray[np.float32], size: int, border: float) -> NDArray[np.float32]:
        matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle, scale)
        matrix = matrix + np.outer(shift * size, (0, 0, 1))
        out = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=border)
        return np.ascontiguousarray(out[:, ::-1] if mirror else out, np.float32)

    picture = moved(hu.astype(np.float32), side, _AIR)
    brightness = rng.normal(0, 4) + rng.normal(1, 0.06) * picture
    noise = rng.normal(0, rng.uniform(0, 3), (side, side)).astype(np.float32)
    return (brightness + noise).astype(np.float32), np.stack([moved(cell, grid, 0) for cell in cells])


def batches(
    shards: list[Shard], config: CnnConfig, rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One epoch of augmented batches: inputs (n, 3, side, side), truth (n, labels), cells (n, subtypes, ., .)."""
    where = np.concatenate([np.stack([np.full(len(s.hu), i), np.arange(len(s.hu))], 1) for i, s in enumerate(shards)])
    positive = np.concatenate([s.truth[:, Label.ANY.column] for s in shards])
    chance = np.where(positive, config.positive_weight, 1.0)
    drawn = rng.choice(len(where), config.slices_per_epoch, p=chance / chance.sum())
    for start in range(0, len(drawn) - config.batch + 1, config.batch):
        x, truth, cells = [], [], []
        for shard, index in where[drawn[start : start + config.batch]]:
            s = shards[shard]
            hu, mask = augmented(s.hu[index], s.cells[index].astype(np.float32) / 255, rng)
            x.append(channels(hu))
            truth.append(s.truth[index])
            cells.append(mask)
        yield (
            torch.from_numpy(np.stack(x)),
            torch.from_numpy(np.stack(truth)).float(),
            torch.from_numpy(np.stack(cells)),
        )


def label_loss(logits: Tensor, truth: Tensor, config: CnnConfig) -> Tensor:
    """Paper, equation 1, as a mean; any may weigh more, as in the challenge's metric."""
    weight = torch.ones(len(LABELS))
    weight[Label.ANY.column] = config.any_weight
    each = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * weight).mean() * len(LABELS) / weight.sum()


def _mask_loss(marked: Tensor, cells: Tensor) -> Tensor:
    """Cross-entropy of every cell; cells that hold some hemorrhage weigh more, because they are few."""
    target = (cells * 4).clamp(0, 1)
    target = nn.functional.adaptive_avg_pool2d(target, (marked.shape[-2], marked.shape[-1]))
    weight = 1 + 15 * target
    each = nn.functional.binary_cross_entropy_with_logits(marked, target, reduction="none")
    return (each * weight).sum() / weight.sum() * 4


def _any_auc(network: SliceCnn, run: RunFolder) -> float:
    """Area under the ROC curve for any hemorrhage over the validation slices."""
    found = slice_features(network, run.shards("validation"))
    return auc(found.truth[:, Label.ANY.column], found.logits[:, Label.ANY.column])
