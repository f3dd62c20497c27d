"""Networks as other programs have them, with random weights, and their files."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn

from app.bench.grad_cam import imported as oracle

OTHER_ORDER = ("any", "subdural", "epidural", "subarachnoid", "intraventricular", "intraparenchymal")


def torchvisions(name, seed=0, **options):
    """torchvision's own network in evaluation mode, its norms settled on random pictures so that pictures matter."""
    with torch.device("meta"):
        network = getattr(oracle("torchvision.models"), name)(num_classes=6, **options)
    generator = torch.Generator().manual_seed(seed)
    weights = {key: _drawn(key, tensor, generator) for key, tensor in network.state_dict().items()}
    network.load_state_dict(weights, assign=True)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(functools.partial(_settle, generator)) for norm in norms]
    coarse = nn.functional.interpolate(torch.randn(4, 3, 4, 4, generator=generator), size=64, mode="bilinear")
    network.eval().requires_grad_(False)(coarse + torch.randn(4, 3, 64, 64, generator=generator))
    for hook in hooks:
        hook.remove()
    return network


def _settle(generator, norm, inputs):
    """Give a norm the mean of every channel, but about the variance of all, lest the quietest drown the others."""
    x = inputs[0]
    norm.running_mean.copy_(x.mean((0, 2, 3)))
    norm.running_var.uniform_(0.8, 1.2, generator=generator).mul_(x.var((0, 2, 3)).mean())


def _drawn(name, tensor, generator):
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.long)
    if tensor.ndim == 1 and name.endswith("weight"):
        return torch.empty(tensor.shape).uniform_(0.25, 0.75, generator=generator)
    deviation = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.1
    return torch.empty(tensor.shape).normal_(0, deviation, generator=generator)


def authors_cnn(network):
    """The state dict of a module whose "base" is torchvision's network and whose "fc" is the head."""
    state = network.state_dict()
    base = {f"base.{name}": tensor for name, tensor in state.items() if not name.startswith("fc.")}
    return base | {name: tensor for name, tensor in state.items() if name.startswith("fc.")}


class AuthorsSequence(nn.Module):
    """A bidirectional LSTM and a classifier, each with or without the six probabilities beside its own input."""

    def __init__(self, features, hidden, layers, *, lstm_reads, classifier_reads, seed=0):
        super().__init__()
        self.lstm_reads, self.classifier_reads = lstm_reads, classifier_reads
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.lstm = nn.LSTM(features + 6 * lstm_reads, hidden, layers, batch_first=True, bidirectional=True)
            self.classifier = nn.Linear(2 * hidden + 6 * classifier_reads, 6)

    def forward(self, features, probabilities):
        """(slices, k) and (slices, 6) to logits (slices, 6)."""
        read = torch.cat([features, probabilities], 1) if self.lstm_reads else features
        hidden = self.lstm(read[None])[0][0]
        return self.classifier(torch.cat([hidden, probabilities], 1) if self.classifier_reads else hidden)


def random_pca(kept, pooled_count, seed=0):
    """mean_ (K,) and components_ (k, K) of the size that makes the reduced features about 1."""
    generator = np.random.default_rng(seed)
    return generator.random(pooled_count), generator.normal(size=(kept, pooled_count)) / np.sqrt(pooled_count)
