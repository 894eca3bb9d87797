"""`twincast replay`: what a person sees of a recording."""

import json
from pathlib import Path

import pytest

from cli.main import main
from dataplane.config import Role
from tests.support.routers import GROUP, Pair, profile


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    pair = Pair()
    pair.a.record()
    pair.start(profile(Role.MASTER), profile(Role.BACKUP))
    pair.a.join(GROUP)
    pair.run(0.5)
    assert pair.a.recording is not None
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(pair.a.recording))
    return path


def test_each_message_is_printed_with_its_effects(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording)]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    join = next(each for each in printed if each["message"]["type"] == "FrameCaptured")
    sent = next(effect for effect in join["effects"] if effect["type"] == "SendChannel")
    assert sent["data"][0]["records"][0]["group"] == str(GROUP)


def test_the_state_at_the_end_is_printed(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--state", str(recording)]) == 0
    assert [each["group_address"] for each in json.loads(capsys.readouterr().out)["groups"]] == [str(GROUP)]


def test_what_is_no_recording_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("{}\n")
    assert main(["replay", str(tmp_path / "file")]) == 1
    assert main(["replay", str(tmp_path / "none")]) == 1
    assert "line 1: no time or no type" in capsys.readouterr().err
