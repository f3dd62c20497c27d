"""Stage focus: teach the slice network to gather its evidence where the hemorrhage is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ihd_core.progress import Report, silent
from training.cnn import batches, label_loss, load_cnn
from training.rounding import rounded

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.config import RunConfig
    from training.run_folder import RunFolder


def focus_cnn(run: RunFolder, config: RunConfig, *, report: Report = silent) -> Path:
    """Go on from the weights of the stage cnn with a penalty on evidence beside the hemorrhage; return the file.

    The maps that explain a label are linear in the last activations, so they can be taught like any other output:
    positive evidence for a label that lies more than one cell away from its mask costs what it adds to the logit.
    """
    torch.manual_seed(config.seed)
    numbers = config.focus
    network = load_cnn(run, config, "cnn.pt").requires_grad_()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), numbers.learning_rate, weight_decay=config.cnn.weight_decay)
    per_epoch = config.cnn.slices_per_epoch // config.cnn.batch
    steps = numbers.epochs * per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, numbers.learning_rate, total_steps=steps)
    shards, rng = run.shards("train"), np.random.default_rng([config.seed, 2])
    for epoch in range(numbers.epochs):
        network.train()
        started, labels, beside = time.monotonic(), [], []
        for step, (x, truth, cells) in enumerate(batches(shards, config.cnn, rng)):
            report(epoch * per_epoch + step, steps)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=config.cnn.bf16):
                output = network(x.to(memory_format=torch.channels_last))
            one = label_loss(output.logits.float(), truth, config.cnn)
            two = evidence_beside(network.head.weight, output.activations.float(), cells)
            (one + numbers.weight * two).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            labels.append(float(one.detach()))
            beside.append(float(two.detach()))
        seconds = time.monotonic() - started
        run.append_metrics(
            "focus", epoch=epoch, loss=float(np.mean(labels)), beside=float(np.mean(beside)), seconds=seconds
        )
    file = run.path / "cnn-focused.pt"
    torch.save(rounded(network), file)
    return file


def evidence_beside(weight: Tensor, activations: Tensor, cells: Tensor) -> Tensor:
    """Positive evidence beside the hemorrhage, in units of the logit, averaged over slices and labels.

    Args:
        weight: (labels, K), of the linear head.
        activations: (n, K, map rows, map columns).
        cells: (n, subtypes, rows, columns), share of a cell that is hemorrhage; any is their maximum.
    """
    rows, columns = activations.shape[-2:]
    evidence = torch.einsum("lk,nkrc->nlrc", weight, activations) / (rows * columns)
    marked = nn.functional.adaptive_max_pool2d(torch.cat([cells, cells.amax(1, keepdim=True)], 1), (rows, columns))
    near = nn.functional.max_pool2d((marked > 0).float(), 3, stride=1, padding=1)
    return (evidence.clamp(min=0) * (1 - near)).sum((2, 3)).mean()
