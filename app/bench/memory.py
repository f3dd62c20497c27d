"""How much memory a whole prediction needs: run as a process of its own, whose peak the system knows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SLICES, SIDE, SPACING_MM = 400, 512, 1.0


def peak_above_volume(model_folder: Path, backbone: str | None = None, *, slices: int = SLICES) -> float:
    """Bytes of the peak of a process that predicts and explains a scan, less those of the scan's HU.

    Args:
        model_folder: of the model.
        backbone: random weights of this one instead.
        slices: of 512 x 512 pixels, 1 mm apart.

    Raises:
        OSError: the process failed, or the system does not tell.
    """
    command = [sys.executable, "-m", "app.bench.memory", str(model_folder), backbone or "", str(slices)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise OSError((run.stderr.strip().splitlines() or ["no reason given"])[-1])
    return float(run.stdout) - slices * SIDE * SIDE * 2


def _main(folder: str, backbone: str, slices: int) -> None:
    import numpy as np

    from app.bench.measured import measured_model
    from ihd_core.heatmaps.explain import Kind, full_scale
    from ihd_core.labels import Label
    from ihd_core.predict import predict
    from ihd_core.scan import Scan

    model = measured_model(Path(folder), backbone or None)
    hu = np.random.default_rng(0).integers(-50, 100, (slices, SIDE, SIDE), dtype=np.int16)
    positions = np.zeros((slices, 3))
    positions[:, 2] = np.arange(slices) * SPACING_MM
    uids = tuple(str(number) for number in range(slices))
    scan = Scan(hu, (SPACING_MM, 0.45, 0.45), np.eye(3), positions, "1.2", uids)
    prediction = predict(scan, model)
    full_scale(prediction, Label.ANY, Kind.RESULT_SCAN)
    print(_peak())


def _peak() -> int:
    """Largest memory of this process so far, bytes.

    Linux hands what getrusage() tells down from the process that started this one; its own peak stands in /proc.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
