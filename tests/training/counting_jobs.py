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


def fail(job, _steps):
    raise FileError(f"{job}: cannot be read")


def vanish(_job, _steps):
    os._exit(9)
