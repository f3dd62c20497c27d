"""The slice network learns, stops where it is asked to, and goes on as if it had not been stopped."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from ihd_core.errors import Cancelled
from ihd_core.progress import silent
from tests.training.bright_spots import BrightSpots
from training.cnn import fit_fold
from training.config import CnnConfig, LocalisedConfig, RunConfig
from training.distributed import Processes
from training.run_folder import read_rows

ALONE = Processes(0, 1, 1, torch.device("cpu"))
NUMBERS = RunConfig(
    cnn=CnnConfig(backbone="small", rates=(1e-3, 1e-3), batch=4, precision="fp32", noise_hu=2.0),
    localised=LocalisedConfig(mask_head=1.0, outside=0.1, missed=0.1, from_epoch=1),
)


def fit(folder, config=NUMBERS, report=silent, source=None):
    folder.mkdir(exist_ok=True)
    source = source or BrightSpots()
    rows = np.arange(len(source.table))
    fit_fold(folder, source, (rows[:16], rows[16:]), config, 0, processes=ALONE, report=report, stop=threading.Event())
    return torch.load(folder / "weights.pt", weights_only=True)


def stopped_after(steps):
    calls = []

    def report(done, total):
        calls.append(done)
        if len(calls) == steps + 1:
            raise Cancelled("enough")

    return report


def untimed(path):
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "wait_share", "images_per_s")} for row in read_rows(path)
    ]


@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_fit_that_was_stopped_ends_as_one_that_was_not(tmp_path, steps):
    whole = fit(tmp_path / "whole")
    with pytest.raises(Cancelled):
        fit(tmp_path / "stopped", report=stopped_after(steps))
    assert not (tmp_path / "stopped" / "weights.pt").exists()
    resumed = fit(tmp_path / "stopped")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert untimed(tmp_path / "whole" / "metrics.csv") == untimed(tmp_path / "stopped" / "metrics.csv")
