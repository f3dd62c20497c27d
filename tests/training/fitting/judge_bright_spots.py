"""FOLDER: run as a module, fits as one of several processes and keeps the network that each of them judged."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import torch

import training.fitting.cnn
import training.fitting.cnn_fit
from tests.training.fitting.bright_spots import BrightSpots
from training.config import CnnConfig, RunConfig
from training.fitting.distributed import joined


def fit(folder):
    """Leave own-RANK.pt and judged-RANK.pt: the network before and while it was judged."""
    numbers = CnnConfig(backbone="tiny", rates=(1e-3,), batch=4, precision="fp32", average=0.9, half=False)
    training.fitting.cnn.draw_curves = lambda *files: None  # takes seconds to import
    rank, rows = os.environ["RANK"], np.arange(16)
    own_averaged = training.fitting.cnn_fit.CnnFit.averaged

    def averaged(self):
        with self.mean.in_place():
            torch.save(self.objective.cnn.state_dict(), folder / f"own-{rank}.pt")
        return own_averaged(self)

    def judge(cnn, *_):
        torch.save(cnn.state_dict(), folder / f"judged-{rank}.pt")
        return {}

    training.fitting.cnn_fit.CnnFit.averaged, training.fitting.cnn.judge = averaged, judge
    with joined() as processes:
        training.fitting.cnn.fit_fold(
            folder,
            BrightSpots(count=16, side=32),
            (rows[:12], rows[12:]),
            RunConfig(cnn=numbers),
            0,
            processes=processes,
            stop=threading.Event(),
        )


if __name__ == "__main__":
    fit(Path(sys.argv[1]))
