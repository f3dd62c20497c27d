"""What every test has: off-screen Qt, a home folder of its own, no network, and no unnoticed warning or thread."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Before Qt, matplotlib or platformdirs are imported by a test file.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
HOME = Path(tempfile.mkdtemp(prefix="ihd-tests-"))
os.environ["HOME"] = os.environ["USERPROFILE"] = str(HOME)
for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "LOCALAPPDATA", "APPDATA"):
    os.environ[variable] = str(HOME / variable.lower())
# Threads that wait for work must not take a busy machine's cores from those that have some.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["IHD_HOME"] = str(HOME / "ihd")
# matplotlib's list of fonts takes seconds to build and is the same in every session.
os.environ["MPLCONFIGDIR"] = str(REPOSITORY / ".pytest_cache" / "matplotlib")

# Times vary on a shared machine; a property is about values.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=50)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("soak" if os.environ.get("IHD_SOAK") else "quick")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def _absent(reason: str) -> NoReturn:
    """Skip with the reason; in CI nothing may be absent."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files that are not ours."""
    if not SHARED_DATA.is_dir():
        _absent("real files are not here: ../shared/data beside the repository")
    return SHARED_DATA


@pytest.fixture
def need_tool() -> Callable[[str], str]:
    """need_tool("dcm2niix") is the program's path, or the test ends here."""

    def path_of(name: str) -> str:
        path = shutil.which(name)
        return path or _absent(f"{name} is not installed: `make test` says how to install it")

    return path_of


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Nothing may leave this machine, and nothing may talk to itself over the network either."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            pytest.fail(f"a test tried to reach the network: {address}")
        connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield


class _Unexpected(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(autouse=True)
def _no_unexpected_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """A record of WARNING or above fails a test that did not ask for `caplog`."""
    handler = _Unexpected()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)
    if "caplog" not in request.fixturenames:
        assert not [f"{record.name}: {record.getMessage()}" for record in handler.records]


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    """A test ends its threads and closes its windows."""
    threads, windows = _threads(), _visible_windows()
    yield
    for thread in _threads() - threads:
        thread.join(timeout=2)
    assert {thread.name for thread in _threads() - threads if thread.is_alive()} == set(), "threads left over"
    assert _visible_windows() - windows == set(), "windows left over"


def _threads() -> set[threading.Thread]:
    # Qt's own threads show up as dummies once they ran Python, and stay listed after their end.
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


def _visible_windows() -> set[str]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return set()
    top_level = widgets.QApplication.topLevelWidgets()
    return {f"{widget!r} {widget.objectName()}" for widget in top_level if widget.isVisible()}
