"""Jobs in processes of their own: what they return, count and raise, and how they stop."""

import os
import subprocess
import sys
import time

import pytest

from ihd_core.errors import Cancelled, FileError, IhdError
from tests.training.counting_jobs import fail, square, vanish, work_until_stopped
from training.processes import in_processes


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_is_done_once_and_counted(processes):
    seen = []
    results = list(
        in_processes(square, range(7), processes=processes, done=3, total=17, report=lambda *at: seen.append(at))
    )
    assert sorted(result for result, _ in results) == [number**2 for number in range(7)]
    assert (os.getpid() in {process for _, process in results}) is (processes == 1)
    assert seen[0] == (3, 17)
    assert seen[-1] == (17, 17)
    assert seen == sorted(seen)


def test_no_job_is_no_process_and_all_of_it_is_done():
    seen = []
    assert not list(in_processes(square, [], done=4, total=4, report=lambda *at: seen.append(at)))
    assert set(seen) == {(4, 4)}


def test_processes_hear_that_their_work_is_not_wanted_any_more(tmp_path):
    paths = [tmp_path / f"{number}" for number in range(2)]

    def stop(done, _total):
        if done >= 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        list(in_processes(work_until_stopped, paths, processes=2, total=100, report=stop))
    assert any(path.exists() for path in paths)
    assert {path.read_text() for path in paths if path.exists()} == {"stopped"}


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_a_job_is_raised_here(processes):
    with pytest.raises(FileError, match="cannot be read"):
        list(in_processes(fail, ["a", "b"], processes=processes, total=2))


def test_a_process_that_ends_on_its_own_is_said_in_one_line():
    with pytest.raises(IhdError, match="a process of this stage ended on its own"):
        list(in_processes(vanish, [1, 2], processes=2, total=2))


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    parent = subprocess.Popen([sys.executable, "-m", "tests.training.counting_jobs", *map(str, files)])
    try:
        assert soon(lambda: all(file.exists() for file in files), seconds=30)
    finally:
        parent.kill()
        parent.wait()
    assert soon(lambda: not is_growing(files), seconds=10)


def soon(holds, *, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def is_growing(files):
    before = [file.stat().st_size for file in files]
    time.sleep(0.5)
    return before != [file.stat().st_size for file in files]
