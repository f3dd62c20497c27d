"""What is freed stays with the process: asking for it again costs no page of the system's."""

import subprocess
import sys

import pytest


def page_faults(is_kept):
    """Of 25 arrays of 64 MB that are filled and freed, in a process of its own."""
    script = "import resource\nimport numpy as np\nfrom training.memory import keep_freed_memory\n"
    script += "assert keep_freed_memory()\n" if is_kept else ""
    script += "for turn in range(30):\n    np.ones(16_000_000, np.float32)\n"
    script += "    if turn == 4:\n        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
    script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(found.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_arrays_of_megabytes_are_taken_from_the_system_once():
    assert page_faults(is_kept=True) < 200 < page_faults(is_kept=False)
