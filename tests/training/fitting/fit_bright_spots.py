"""FOLDER SIDE COUNT EPOCHS IS_DOUBLE: run as a module, fits as one of several processes."""

import sys
import threading
from pathlib import Path

import numpy as np
import torch

import training.fitting.cnn
import training.fitting.cnn_fit
import training.fitting.objective
from tests.training.fitting.bright_spots import BrightSpots
from training.config import CnnConfig, LocalisedConfig, RunConfig
from training.fitting.distributed import joined
from training.fitting.loader import windowed


def fit(folder, side, count, epochs, is_double):
    """Leave weights.pt as they were before they were rounded, which would hide or enlarge small differences.

    In double precision what rounding makes of a sum of two halves is too little to grow, however long the fit.
    """
    numbers = CnnConfig(backbone="small", rates=(1e-4,) * epochs, batch=4, precision="fp32", freeze_batch_norm=True)
    config = RunConfig(cnn=numbers, localised=LocalisedConfig(mask_head=1.0, outside=0.1, missed=0.1))
    source, rows = BrightSpots(count=count, side=side), np.arange(count)
    parts = (rows[: count * 3 // 4], rows[count * 3 // 4 :])
    training.fitting.cnn.rounded = lambda module: module.state_dict()
    training.fitting.cnn.draw_curves = lambda *files: None  # takes seconds to import
    if is_double:
        torch.set_default_dtype(torch.float64)
        training.fitting.cnn.windowed = training.fitting.objective.windowed = lambda pictures: windowed(
            pictures
        ).double()
    with joined() as processes:
        # The clocks of processes differ: the first alone finds it time for a checkpoint, after every step.
        training.fitting.cnn_fit.CHECKPOINT_SECONDS = 0.0 if processes.is_first else 1e9
        training.fitting.cnn.fit_fold(folder, source, parts, config, 0, processes=processes, stop=threading.Event())


if __name__ == "__main__":
    fit(Path(sys.argv[1]), *map(int, sys.argv[2:]))
