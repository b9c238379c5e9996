"""The runtime folder: private, for one service, and mended after a crash."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sam2_roto.errors import ServiceError
from sam2_roto.service import runtime
from sam2_roto.service.settings import Settings, runtime_folder, state_folder

posix = pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")


def test_the_address_is_for_the_user_alone(tmp_path: Path) -> None:
    folder = runtime.private_folder(tmp_path / "run")
    runtime.announce(folder, {"port": 1, "pid": os.getpid()})
    runtime.announce(folder, {"port": 2, "pid": os.getpid()})  # takes the place of an old one
    assert runtime.read_address(folder) == {"port": 2, "pid": os.getpid()}
    assert [path.name for path in folder.iterdir()] == [runtime.ADDRESS]
    if os.name != "nt":
        assert stat.S_IMODE((folder / runtime.ADDRESS).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_address_of_another_process_is_left(tmp_path: Path) -> None:
    runtime.announce(tmp_path, {"pid": os.getpid() + 1})
    runtime.withdraw(tmp_path)
    assert runtime.read_address(tmp_path)
    runtime.announce(tmp_path, {"pid": os.getpid()})
    runtime.withdraw(tmp_path)
    assert runtime.read_address(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"'])
def test_an_address_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / runtime.ADDRESS).write_text(text)
    assert runtime.read_address(tmp_path) is None


def test_there_is_one_service(tmp_path: Path) -> None:
    with runtime.sole(tmp_path):
        runtime.announce(tmp_path, {"port": 4711, "pid": 17})
        with pytest.raises(ServiceError, match=r"already on port 4711, process 17"), runtime.sole(tmp_path):
            pass
    with runtime.sole(tmp_path):  # service.json of one that died does not matter
        assert runtime.read_address(tmp_path) == {"port": 4711, "pid": 17}


@posix
def test_a_folder_that_others_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    with pytest.raises(ServiceError, match="others may write"):
        runtime.private_folder(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="cannot be made"):
        runtime.private_folder(tmp_path / "file" / "run")


def test_tokens_differ() -> None:
    first, second = runtime.new_token(), runtime.new_token()
    assert first != second
    assert len(first) >= 43


def test_folders_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert runtime_folder({"SAM2_ROTO_RUNTIME": "/a"}) == Path("/a")
    assert runtime_folder({"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/sam2-roto")
    assert runtime_folder({"XDG_RUNTIME_DIR": "relative"}) == Path.home() / ".cache/sam2-roto/run"
    assert state_folder({"SAM2_ROTO_STATE": "/b"}) == Path("/b")
    assert state_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/sam2-roto")
    assert state_folder({}) == Path.home() / ".local/share/sam2-roto"
    monkeypatch.setattr("sys.platform", "darwin")
    assert runtime_folder({}) == Path.home() / "Library/Caches/sam2-roto/run"
    monkeypatch.setattr("sys.platform", "win32")
    assert runtime_folder({"LOCALAPPDATA": "/local"}) == Path("/local/sam2-roto/run")
    assert json.dumps(str(tmp_path))


@pytest.mark.parametrize(
    "words", [{"port": -1}, {"port": 70000}, {"idle": -1}, {"idle": float("nan")}, {"jobs": 0}, {"devices": ()}]
    + [{"host": host} for host in ("0.0.0.0", "", "192.168.1.2")]
    + [{"origins": (origin,)} for origin in ("*", "localhost", "http://", "http://a/b", "http://*.a")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(tmp_path: Path, words: dict[str, object]) -> None:
    with pytest.raises(ServiceError):
        Settings(runtime=tmp_path, state=tmp_path, **words)  # type: ignore[arg-type]
