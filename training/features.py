"""Stage features: what the slice network says of every slice, and the reduction to a few features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ihd_core.model_input import channels
from ihd_core.network import Reduction
from ihd_core.progress import Report, silent
from training.run_folder import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ihd_core.network import SliceCnn
    from training.run_folder import RunFolder, Shard

_PCA_VECTORS = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class SliceFeatures:
    """What the slice network says of a split.

    Attributes:
        logits: float32 (slices, labels).
        pooled: float32 (slices, K).
        peaks: float32 (slices, labels), largest value of the heatmap before it is scaled.
        truth: bool (slices, labels).
        scan: int32 (slices,); slices of one scan are neighbours, inferior first.
    """

    logits: NDArray[np.float32]
    pooled: NDArray[np.float32]
    peaks: NDArray[np.float32]
    truth: NDArray[np.bool_]
    scan: NDArray[np.int32]

    def scans(self) -> list[NDArray[np.intp]]:
        """Indices of the slices of every scan, in order."""
        return [np.flatnonzero(self.scan == number) for number in np.unique(self.scan)]


@torch.inference_mode()
def slice_features(network: SliceCnn, shards: Sequence[Shard], *, batch: int = 32) -> SliceFeatures:
    """Run the network over shards exactly as the program runs it over a scan."""
    network.eval()
    logits, pooled, peaks = [], [], []
    for shard in shards:
        for start in range(0, len(shard.hu), batch):
            x = np.stack([channels(hu) for hu in shard.hu[start : start + batch]])
            output = network(torch.from_numpy(x))
            cells = output.activations.shape[-2] * output.activations.shape[-1]
            evidence = torch.einsum("lk,nkrc->nlrc", network.head.weight, output.activations) / cells
            logits.append(output.logits.numpy())
            pooled.append(output.pooled.numpy())
            peaks.append(evidence.amax(dim=(2, 3)).clamp(min=0).numpy())
    truth = np.concatenate([shard.truth for shard in shards])
    scan = np.concatenate([shard.scan for shard in shards])
    return SliceFeatures(np.concatenate(logits), np.concatenate(pooled), np.concatenate(peaks), truth, scan)


def extract(run: RunFolder, network: SliceCnn, *, report: Report = silent) -> None:
    """Write the features of every split into the run."""
    for done, split in enumerate(SPLITS):
        report(done, len(SPLITS))
        found = slice_features(network, run.shards(split))
        np.savez(run.path / f"features-{split}.npz", **{name: getattr(found, name) for name in SliceFeatures.__slots__})
    report(len(SPLITS), len(SPLITS))


def load_features(run: RunFolder, split: str) -> SliceFeatures:
    """What extract left in the run."""
    with np.load(run.path / f"features-{split}.npz") as file:
        return SliceFeatures(*(file[name] for name in SliceFeatures.__slots__))


def principal_components(pooled: NDArray[np.float32], count: int, *, seed: int) -> Reduction:
    """PCA on at most 30,000 vectors drawn with a seed (the paper's number; the draw is ours).

    Args:
        pooled: (vectors, K).
        count: how many components to keep.
        seed: of the draw.
    """
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(pooled))[:_PCA_VECTORS]
    pca = PCA(count, svd_solver="full").fit(pooled[drawn])
    return Reduction(torch.from_numpy(pca.mean_), torch.from_numpy(pca.components_))
