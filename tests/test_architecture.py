"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "ihd_core", "training", "resources")
HEAVY = ("torch", "PySide6", "pydicom", "numpy", "cv2", "scipy", "matplotlib")


def sources():
    return [path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]


def test_the_import_contracts_are_kept():
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_module_says_in_a_sentence_what_it_is():
    silent = [path for path in sources() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert silent == []


def test_packages_import_nothing_by_themselves():
    for path in sources():
        if path.name == "__init__.py":
            (only,) = ast.parse(path.read_text(encoding="utf-8")).body
            assert isinstance(only, ast.Expr), path


def test_no_drawer_for_odds_and_ends():
    odd = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py", "interfaces.py"}
    assert [path for path in sources() if path.name in odd] == []


def test_the_command_line_answers_without_any_heavy_library():
    code = (
        f"import sys, app.cli; app.cli.parser().format_help();print(*sorted(set(sys.modules).intersection({HEAVY!r})))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_files_are_small_except_resources():
    large = [
        path
        for path in tracked_files()
        if path.is_file() and path.stat().st_size > 2e6 and "resources" not in path.relative_to(REPOSITORY).parts[:1]
    ]
    assert large == []


def test_resources_hold_at_most_what_may_be_shipped():
    shipped = [path for path in tracked_files() if path.relative_to(REPOSITORY).parts[0] == "resources"]
    assert sum(path.stat().st_size for path in shipped if path.is_file()) <= 28e6


def test_bools_survive_being_emitted():
    # PySide6 6.12.0 on Python 3.10 and 3.11 lost a reference at every emit and aborted after some hundred.
    from PySide6.QtCore import QObject, Signal

    class Switch(QObject):
        turned = Signal(bool)

    switch, heard = Switch(), []
    switch.turned.connect(heard.append)
    before = sys.getrefcount(True)
    for _ in range(2000):
        switch.turned.emit(True)
    heard.clear()
    assert sys.getrefcount(True) > before - 1000
