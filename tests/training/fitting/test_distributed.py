"""Two processes reach the weights of one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import training.fitting.cnn
import training.fitting.cnn_fit
import training.fitting.objective
from tests.training.fitting.fit_bright_spots import fit
from training.config import ConfigError
from training.fitting.distributed import Processes, joined
from training.run_folder import read_rows

REPOSITORY = Path(__file__).resolve().parents[3]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fitted_by_two(folder, *numbers, module="fit_bright_spots"):
    """Fit as torchrun would have it, on this machine."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo"}
    running = []
    for rank in range(2):
        own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
        environment = {**os.environ, **place, **{name: str(value) for name, value in own.items()}}
        command = [sys.executable, "-m", f"tests.training.fitting.{module}", str(folder), *map(str, numbers)]
        running.append(subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True))
    all_errors = [one.communicate(timeout=600)[1] for one in running]
    assert [one.returncode for one in running] == [0, 0], "\n".join(all_errors)


def assert_two_reach_one(folder, monkeypatch, *numbers):
    replaced_by_the_fit = ("rounded", "draw_curves", "windowed", "CHECKPOINT_SECONDS")
    for module in (training.fitting.cnn, training.fitting.cnn_fit, training.fitting.objective):
        for name in set(replaced_by_the_fit) & vars(module).keys():
            monkeypatch.setattr(module, name, getattr(module, name))
    for name, fit_by in (("one", fit), ("two", fitted_by_two)):
        (folder / name).mkdir()
        fit_by(folder / name, *numbers)
    one, two = (torch.load(folder / name / "weights.pt", weights_only=True) for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=0, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    for row_one, row_two in zip(*(read_rows(folder / name / "metrics.csv") for name in ("one", "two")), strict=True):
        for name in ("label_loss", "mask_loss", "outside_loss", "missed_loss", "validation_loss"):
            assert float(row_two[name]) == pytest.approx(float(row_one[name]), rel=1e-3), name


def test_two_processes_reach_the_weights_of_one(tmp_path, monkeypatch):
    assert_two_reach_one(tmp_path, monkeypatch, 32, 16, 1, 0)


@pytest.mark.soak
def test_two_processes_reach_the_weights_of_one_in_a_longer_fit(tmp_path, monkeypatch):
    try:
        assert_two_reach_one(tmp_path, monkeypatch, 64, 96, 4, 1)
    finally:
        torch.set_default_dtype(torch.float32)


def test_all_processes_judge_the_network_that_is_kept(tmp_path):
    """Each counts batch norm's statistics from its own share of a batch, so that their networks differ."""
    fitted_by_two(tmp_path, module="judge_bright_spots")
    first, second = (torch.load(tmp_path / f"judged-{rank}.pt", weights_only=True) for rank in range(2))
    kept = torch.load(tmp_path / "weights.pt", weights_only=True)
    own = [torch.load(tmp_path / f"own-{rank}.pt", weights_only=True) for rank in range(2)]
    assert any(not torch.equal(own[0][name], own[1][name]) for name in kept), "they differ before they are judged"
    for name, value in kept.items():
        if value.is_floating_point():
            assert torch.equal(first[name], second[name]), name
            assert torch.equal(first[name], value), name


def test_shares_are_the_whole_batch_in_order():
    shares = [Processes(rank, 4, 4, torch.device("cpu")).share(12) for rank in range(4)]
    assert [place for share in shares for place in range(12)[share]] == list(range(12))


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ConfigError, match="32, must be a multiple of the 3 processes"):
        Processes(0, 3, 3, torch.device("cpu")).share(32)


def test_without_torchrun_one_process_is_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with joined() as processes:
        assert (processes.rank, processes.count, processes.is_first) == (0, 1, True)
        module = torch.nn.Linear(2, 2)
        assert processes.wrapped(module, is_frozen=False) is module
