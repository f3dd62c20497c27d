"""Stage synthetic: render phantoms into shards of slices, grouped as the network reads them."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from ihd_core.labels import SUBTYPES
from ihd_core.model_input import slabs
from ihd_core.phantom.phantom import phantom_scan
from ihd_core.progress import Report, silent
from training.run_folder import SPLITS, Identity, RunFolder, Shard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import RunConfig

CELL = 16
"""Side of a cell of the stored masks, in pixels; the stride of the small backbone."""

_SCANS_PER_SHARD = 8


def scan_seed(run_seed: int, split: str, number: int) -> int:
    """Seed of one phantom; no two splits share one."""
    return (run_seed * len(SPLITS) + SPLITS.index(split)) * 1_000_000 + number


def render(run: RunFolder, config: RunConfig, *, processes: int = 2, report: Report = silent) -> None:
    """Render every split that is not there yet; may be stopped and run again."""
    wanted = []
    for split in SPLITS:
        count = getattr(config.synthetic, split)
        for shard, first in enumerate(range(0, count, _SCANS_PER_SHARD)):
            if not run.shard_folder(split, shard).exists():
                wanted.append((split, shard, range(first, min(first + _SCANS_PER_SHARD, count))))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_render_shard, run.path, config, *job) for job in wanted]
        for done, job in enumerate(jobs):
            report(done, len(jobs))
            job.result()
    report(len(wanted), len(wanted))


def _render_shard(path: Path, config: RunConfig, split: str, number: int, scans: Sequence[int]) -> None:
    hu, truth, cells, scan, identities = [], [], [], [], []
    for index in scans:
        phantom = phantom_scan(scan_seed(config.seed, split, index), size=config.synthetic.side)
        groups = slabs(phantom.scan)
        shares = np.stack([_share(phantom.masks[label]) for label in SUBTYPES], axis=1)
        hu.append(np.stack([np.rint(phantom.scan.hu[g.start : g.stop].mean(axis=0)) for g in groups]).astype(np.int16))
        truth.append(np.stack([phantom.truth[g.start : g.stop].any(axis=0) for g in groups]))
        cells.append(np.stack([shares[g.start : g.stop].max(axis=0) for g in groups]))
        scan.append(np.full(len(groups), index, np.int32))
        identities.append(Identity(phantom.scan.details.patient_id, phantom.scan.uid))
    shard = Shard(np.concatenate(hu), np.concatenate(truth), np.concatenate(cells), np.concatenate(scan))
    RunFolder(path).write_shard(split, number, shard, identities)


def _share(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Share of every cell that is hemorrhage, (slices, side / 16, side / 16), 255 for all of it."""
    slices, side, _ = mask.shape
    blocks = (mask > 0).reshape(slices, side // CELL, CELL, side // CELL, CELL)
    shares: NDArray[np.uint8] = np.round(blocks.mean(axis=(2, 4)) * 255).astype(np.uint8)
    return shares
