"""Work for other processes, which find it by its module."""

import os
import time

from ihd_core.errors import Cancelled, FileError


def square(job, steps):
    steps.done(2)
    return job * job, os.getpid()


def work_until_stopped(path, steps):
    """Leaves a file once it was asked to stop."""
    for _ in range(600):
        try:
            steps.done(1)
        except Cancelled:
            path.write_text("stopped")
            raise
        time.sleep(0.05)


def work_for_long(path, _steps):
    """Lets a file grow for half a minute."""
    for beat in range(600):
        path.write_text("." * (beat + 1))
        time.sleep(0.05)


def fail(job, _steps):
    raise FileError(f"{job}: cannot be read")


def vanish(_job, _steps):
    os._exit(9)


if __name__ == "__main__":
    import sys
    from pathlib import Path

    from training.processes import in_processes

    list(in_processes(work_for_long, [Path(sys.argv[1]), Path(sys.argv[2])], processes=2, total=2))
