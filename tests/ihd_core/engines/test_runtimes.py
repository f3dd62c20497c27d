from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ihd_core.engines.runtimes import RUNTIMES, runtime_named

PROGRAM = """
import socket, sys
def refuse(*_): raise SystemExit("the network was tried")
socket.socket.connect = socket.getaddrinfo = refuse
from ihd_core.engines.runtimes import RUNTIMES, runtime_named
runtime_named("openvino bf16", RUNTIMES).suits(None)
from openvino.tools.ovc import telemetry_utils
print(telemetry_utils.tm.__name__, sys.modules["openvino_telemetry"])
"""


def test_openvino_runs_without_its_telemetry(tmp_path):
    if not runtime_named("openvino fp32", RUNTIMES).installed:
        pytest.fail("OpenVINO is missing") if os.environ.get("CI") == "true" else pytest.skip("OpenVINO is missing")
    ci = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "JENKINS_URL", "TRAVIS", "BUILD_ID")  # there it keeps quiet by itself
    environment = {name: value for name, value in os.environ.items() if name not in ci}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": os.getcwd()}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]
    assert not (tmp_path / "intel").exists()


def test_looking_for_engines_imports_no_heavy_library():
    program = (
        "import sys, ihd_core.engines.engine\n"
        "print(sorted({'torch', 'openvino', 'onnxruntime', 'onnx'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
