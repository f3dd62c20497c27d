from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "system_libraries.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("system_libraries", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "system_libraries", module)
    spec.loader.exec_module(module)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(module, "password_free_prefix", lambda: None)
    monkeypatch.setattr(module.sys, "platform", "linux")
    return module


def with_programs(script, monkeypatch, *programs):
    monkeypatch.setattr(script.shutil, "which", lambda name: f"/usr/bin/{name}" if name in programs else None)


def test_a_complete_machine_is_told_nothing(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "missing", lambda needed: [])
    assert script.main([]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_missing_library_is_named_with_the_line_that_installs_it(script, monkeypatch, capsys):
    with_programs(script, monkeypatch, "apt-get")
    monkeypatch.setattr(script, "_loads", lambda library: library != "libEGL.so.1")
    assert script.main([]) == 1
    assert capsys.readouterr().err == "missing: libEGL.so.1. Install with: sudo apt-get install libegl1\n"


def test_fedora_gets_its_own_line(script, monkeypatch, capsys):
    with_programs(script, monkeypatch, "dnf")
    monkeypatch.setattr(script, "_loads", lambda library: library != "libEGL.so.1")
    assert script.main([]) == 1
    assert "sudo dnf install libglvnd-egl" in capsys.readouterr().err


def test_a_missing_tool_of_the_tests_fails_in_ci_only(script, monkeypatch, capsys):
    with_programs(script, monkeypatch, "apt-get")
    monkeypatch.setattr(script, "_loads", lambda library: True)
    assert script.main(["--tests"]) == 0
    monkeypatch.setenv("CI", "true")
    assert script.main(["--tests"]) == 1
    assert "apt-get install dcm2niix" in capsys.readouterr().err


def test_libraries_of_x_are_needed_only_where_there_is_a_display(script):
    names = {need.name for need in script.needs(has_display=False, for_tests=False, platform="linux")}
    assert "libEGL.so.1" in names
    assert "libxcb-cursor.so.0" not in names
    assert "libxcb-cursor.so.0" in {n.name for n in script.needs(has_display=True, for_tests=False, platform="linux")}
    assert script.needs(has_display=True, for_tests=False, platform="darwin") == ()


def test_what_is_installed_without_a_password_is_installed_without_a_question(script, monkeypatch, capsys):
    with_programs(script, monkeypatch, "apt-get")
    present, commands = set(), []

    def run(command, **options):
        commands.append(command)
        assert options["stdin"] == subprocess.DEVNULL
        # The first try fails, as on a machine whose package lists are missing.
        done = "update" not in command and len(commands) > 1
        if done:
            present.add("libEGL.so.1")
        return subprocess.CompletedProcess(command, 0 if done or "update" in command else 100, "", "")

    monkeypatch.setattr(script, "_loads", lambda library: library != "libEGL.so.1" or library in present)
    monkeypatch.setattr(script, "password_free_prefix", list)
    monkeypatch.setattr(script.subprocess, "run", run)
    assert script.main([]) == 0
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install", "-y", "--no-install-recommends"]
    update = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "update"]
    assert commands == [[*install, "libegl1"], update, [*install, "libegl1"]]


def test_it_runs_with_nothing_but_python():
    code = f"import runpy, sys; sys.argv = ['x', '--help']; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "--tests" in run.stdout
