"""What `doctor` says of a machine that lacks something."""

import json
import sys
from importlib import metadata
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from fleetpolicy.cli import main
from fleetpolicy.pipeline.examining import Item, _libvirt, _libyaml, _package

INVENTORY = "all:\n  hosts:\n    real-01:\n      ansible_host: 192.0.2.1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_doctor_finds_what_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ssh", "git"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        assert main(["doctor"]) == 0

    lines = told(capsys)
    python = ".".join(str(part) for part in sys.version_info[:3])
    assert lines[0] == f"ok        Python            {python}, at least 3.11"
    assert lines[1] == (f"ok        ansible-core      {version('ansible-core')}, at least 2.16")
    assert f"ok        ssh               {folder}/ssh" in lines
    assert f"ok        cache             {folder}/cache/fleetpolicy" in lines
    assert lines[-6:] == [
        "ok        settings          none, which is fine",
        "setting   config            none  <- found upwards",
        "setting   inventory         none  <- default",
        "setting   policies          none  <- default",
        "setting   facts             none in facts  <- default",
        "setting   checks            none  <- default",
    ]


def test_doctor_without_programs_and_cache_says_how_to_get_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cache").write_text("no folder\n")
    monkeypatch.setenv("PATH", str(folder))

    assert main(["doctor"]) == 3

    text = "\n".join(told(capsys))
    assert (
        "missing   ssh               Ansible reaches real hosts by it\n"
        "                            fix: run: apt-get install openssh-client\n"
        "missing   git               revisions are compared by it\n"
        "                            fix: run: apt-get install git\n"
        f"optional  cache             {folder}/cache cannot be written\n"
        "                            fix: set XDG_CACHE_HOME to a folder that can be written; "
        "every run reads anew until then\n"
    ) in text


def test_doctor_with_broken_settings_says_where(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fleetpolicy.yaml").write_text("inventry: a\n")

    assert main(["doctor"]) == 3

    assert told(capsys)[-2:] == [
        (
            f"missing   settings          {folder}/fleetpolicy.yaml:1:1: "
            "the document has no key 'inventry'"
        ),
        "                            fix: write inventory",
    ]


@pytest.mark.ansible
def test_doctor_names_each_setting_and_its_origin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fleet" / "policies").mkdir(parents=True)
    (folder / "fleet" / "hosts.yaml").write_text(INVENTORY)
    (folder / "fleetpolicy.yaml").write_text("inventory: fleet\nfacts: recorded\n")

    assert main(["doctor", "--output", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["items"][-1] == {
        "name": "inventory",
        "status": "ok",
        "seen": "1 host, 0 of them simulated",
        "fix": "",
    }
    source = str(folder / "fleetpolicy.yaml")
    assert document["settings"] == [
        {"name": "config", "value": source, "source": "found upwards"},
        {"name": "inventory", "value": "fleet/hosts.yaml", "source": source},
        {"name": "policies", "value": "fleet/policies", "source": "beside the inventory"},
        {"name": "facts", "value": "none in recorded", "source": source},
        {"name": "checks", "value": "none", "source": "beside the inventory"},
    ]


@pytest.mark.accepts("FP551", "FP552")
@pytest.mark.ansible
def test_doctor_live_looks_at_the_hosts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(folder / "a")]) == 0
    capsys.readouterr()

    assert main(["doctor", "-q", "--live", "-i", str(folder / "a/inventories/example")]) == 0

    lines = told(capsys)
    assert "ok        sim-01            reached, kernel 6.12.107+deb13-arm64" in lines
    assert "ok        sim-02            reached, kernel 6.12.107+deb13-arm64" in lines


def test_doctor_live_without_an_inventory_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder.is_dir()
    assert main(["doctor", "--live"]) == 3

    assert (
        "missing   hosts             command line: neither -i nor the settings name an inventory"
    ) in told(capsys)


@pytest.mark.ansible
def test_doctor_tells_flags_before_variables_before_settings(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (folder / name / "policies").mkdir(parents=True)
        (folder / name / "hosts.yaml").write_text(INVENTORY)
    (folder / "ours.yaml").write_text("inventory: nowhere\nfacts: recorded\n")
    monkeypatch.setenv("FLEETPOLICY_CONFIG", "ours.yaml")
    monkeypatch.setenv("FLEETPOLICY_INVENTORY", "one")
    monkeypatch.setenv("FLEETPOLICY_POLICIES", "a:b")
    monkeypatch.setenv("FLEETPOLICY_FACTS", "")

    assert main(["doctor", "-i", "two", "--output", "json"]) == 0

    assert json.loads(capsys.readouterr().out)["settings"] == [
        {"name": "config", "value": "ours.yaml", "source": "FLEETPOLICY_CONFIG"},
        {"name": "inventory", "value": "two/hosts.yaml", "source": "command line"},
        {"name": "policies", "value": "a, b", "source": "FLEETPOLICY_POLICIES"},
        {"name": "facts", "value": "none in recorded", "source": "ours.yaml"},
        {"name": "checks", "value": "none", "source": "beside the inventory"},
    ]


def test_doctor_without_schemas_of_libvirt_says_what_is_not_judged(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetpolicy.admit.schemas.INSTALLED", folder / "missing")

    main(["doctor"])

    assert (
        "optional  libvirt's schemas there is no domain.rng, so no domain was judged by libvirt's "
        "schemas\n"
        f"{'':<28}fix: install libvirt-common (libvirt0 on Debian 12), or name a folder with "
        "--libvirt-schemas\n"
    ) in capsys.readouterr().out


def test_package_that_is_too_old_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "2.4.9")

    wanted = "run: python -m pip install 'pydantic>=2.11'"
    assert _package("pydantic", "2.11", is_optional=False) == Item(
        "pydantic", "missing", "2.4.9, wanted at least 2.11", wanted
    )


def test_yaml_without_libyaml_is_slow_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", False)

    assert _libyaml().fix == (
        "install libyaml's headers, then: python -m pip install --force-reinstall PyYAML"
    )


def test_libvirt_that_is_not_there_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)

    assert _libvirt() == Item(
        "libvirt",
        "optional",
        "domains are not validated by libvirt itself",
        "install libvirt's headers, then: python -m pip install 'fleetpolicy[libvirt]'",
    )


@pytest.mark.ansible
def test_doctor_of_emulated_hosts_looks_for_what_makes_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "hosts.yaml").write_text("all: {hosts: {arm-01: {fleetpolicy_machine: {}}}}\n")
    monkeypatch.setenv("PATH", str(folder))

    assert main(["doctor", "-i", "hosts.yaml"]) == 3

    text = "\n".join(told(capsys))
    assert (
        "ok        inventory         1 host, 0 of them simulated, 1 emulated\n"
        "missing   ssh-keygen        emulated hosts are made with it\n"
        "                            fix: run: apt-get install openssh-client\n"
        "missing   apt-get           emulated hosts are made with it\n"
        "                            fix: run the lab on Debian, or its like\n"
        "missing   dpkg-deb          emulated hosts are made with it\n"
        "                            fix: run the lab on Debian, or its like\n"
    ) in text
