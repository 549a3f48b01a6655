import stat
import subprocess
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.access import (
    ask,
    free_port,
    identity_files,
    make_keys,
    ssh_words,
    write_config,
    write_known,
)


def test_config_is_what_ssh_understands(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    make_keys(folder, "arm-01")

    write_config(folder, "arm-01", 4711)

    done = subprocess.run(
        ["ssh", "-G", *ssh_words(folder, "arm-01")[1:]], capture_output=True, text=True, check=True
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert said["hostname"] == "127.0.0.1"
    assert said["port"] == "4711"
    assert said["user"] == "root"
    assert said["hostkeyalias"] == "arm-01"
    assert said["stricthostkeychecking"] == "true"
    assert said["userknownhostsfile"] == f"{folder}/known_hosts"
    assert said["identityfile"] == f"{folder}/key"
    assert (folder / "port").read_text() == "4711\n"


def test_config_of_a_folder_with_a_percent_sign_means_that_folder(tmp_path: Path) -> None:
    folder = tmp_path / "100%d"
    folder.mkdir()

    write_config(folder, "arm-01", 4711)

    done = subprocess.run(
        ["ssh", "-G", *ssh_words(folder, "arm-01")[1:]], capture_output=True, text=True, check=True
    )
    assert f"identityfile {folder}/key\n".replace("%", "%%") in done.stdout


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    make_keys(tmp_path, "arm-01")
    before = (tmp_path / "key").read_bytes()

    make_keys(tmp_path, "arm-01")
    write_known(tmp_path, "arm-01")

    assert (tmp_path / "key").read_bytes() == before
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert (tmp_path / "known_hosts").read_text().startswith("arm-01 ssh-ed25519 AAAA")


def test_keys_that_were_cut_off_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("half")

    make_keys(tmp_path, "arm-01")

    assert (tmp_path / "key").read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")


def test_identity_gives_the_host_its_own_key_and_lets_the_user_in(tmp_path: Path) -> None:
    make_keys(tmp_path, "arm-01")

    files = identity_files(tmp_path, "arm-01", "ab" * 16)

    assert files["/etc/machine-id"] == (b"ab" * 16 + b"\n", 0o444)
    assert files["/etc/hostname"] == (b"arm-01\n", 0o644)
    assert files["/root/.ssh/authorized_keys"] == ((tmp_path / "key.pub").read_bytes(), 0o600)
    assert files["/etc/ssh/ssh_host_ed25519_key"] == ((tmp_path / "host_key").read_bytes(), 0o600)


def test_ask_of_a_port_that_nobody_listens_on_is_none(tmp_path: Path) -> None:
    make_keys(tmp_path, "arm-01")
    write_config(tmp_path, "arm-01", free_port())

    assert ask(tmp_path, "arm-01", "true") is None


@pytest.mark.shows("FP830")
def test_keys_without_ssh_keygen_are_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FleetPolicyError):
        make_keys(tmp_path, "arm-01")


@pytest.mark.shows("FP830")
def test_keys_in_a_folder_that_is_not_there_are_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ssh-keygen"
    program.write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(FleetPolicyError):
        make_keys(tmp_path, "arm-01")
