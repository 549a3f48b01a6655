import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

Builder = Callable[..., Path]
Agent = Callable[..., dict[str, Any]]
Digest = Callable[[Path], dict[str, str]]

GRUB = "/etc/default/grub.d/99-fleetpolicy.cfg"
MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
KINDS = {GRUB: "kernel command line", MODPROBE: "module parameters"}
NASTY = "# 'single' \"double\" {{ jinja }} {% raw %} $(id) `id` \\ \u00e9\n\n  end\n"
XML = "<domain><name>one</name></domain>\n"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() if text else ""


def step(path: str, before: str, after: str) -> dict[str, object]:
    verb = ("change" if before else "create") if after else "remove"
    return {
        "verb": verb,
        "path": path,
        "kind": KINDS.get(path, "module parameters"),
        "mode": 0o640,
        "before": digest(before),
        "after": digest(after),
        "content": after or None,
    }


def bundle(*files: dict[str, object], **more: object) -> dict[str, object]:
    manifest = json.dumps({"bootId": "boot-1", "files": [item["after"] for item in files]})
    body = {"host": "host", "plan": "p", "release": "7.0", "domains": [], "reboot": False}
    return {**body, "files": list(files), "manifest": manifest, **more}


def domain(verb: str, before: str, xml: str | None) -> dict[str, object]:
    return {"verb": verb, "name": "one", "before": digest(before), "xml": xml}


def log_of(root: Path) -> list[str]:
    path = root / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_apply_writes_files_to_the_byte_and_runs_what_they_need(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = tiny_host()
    request = bundle(step(GRUB, "", NASTY), step(MODPROBE, "", "options vfio-pci ids=1\n"))

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    manifest = "/var/lib/fleetpolicy/manifest.json"
    assert reply["status"] == "changed"
    assert reply["changed"] == [GRUB, MODPROBE, manifest]
    assert (root / GRUB[1:]).read_bytes() == NASTY.encode()
    assert (root / GRUB[1:]).stat().st_mode & 0o777 == 0o640
    assert (root / manifest[1:]).read_text() == request["manifest"]
    assert log_of(root) == ["update-grub ", "update-initramfs -u -k all"]
    assert sorted(reply["record"]["state"]["files"]) == ["/etc/default/grub", GRUB, MODPROBE]
    names = [path.name for path in root.rglob("*")]
    assert [name for name in names if "fleetpolicy-new" in name or name == "pending.json"] == []


def test_apply_of_the_same_bundle_again_changes_nothing(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Digest
) -> None:
    root = tiny_host()
    request = bundle(step(GRUB, "", "a\n"))
    ask_agent(verb="apply", root=str(root), bundle=request)
    before = tree_digest(root)

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert (reply["status"], reply["changed"]) == ("unchanged", [])
    assert tree_digest(root) == before


def test_apply_of_a_step_that_keeps_the_content_makes_the_image_anew(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = tiny_host()
    ask_agent(verb="apply", root=str(root), bundle=bundle(step(MODPROBE, "", "a\n")))
    request = bundle(step(MODPROBE, "a\n", "a\n") | {"kind": "initramfs content"}, manifest="")

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert (reply["status"], reply["changed"]) == ("changed", [MODPROBE])
    assert log_of(root) == ["update-initramfs -u -k all"] * 2


def test_apply_gives_a_file_its_mode_back(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    (root / MODPROBE[1:]).write_text("a\n")
    (root / MODPROBE[1:]).chmod(0o666)

    ask_agent(
        verb="apply", root=str(root), bundle=bundle(step(MODPROBE, "a\n", "a\n"), manifest="")
    )

    assert (root / MODPROBE[1:]).stat().st_mode & 0o777 == 0o640


def test_apply_in_check_mode_shows_a_diff_and_writes_nothing(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Digest
) -> None:
    root = tiny_host()
    (root / MODPROBE[1:]).write_text("old\n")
    before = tree_digest(root)
    request = bundle(step(MODPROBE, "old\n", "new\n"), reboot=True)

    reply = ask_agent(verb="apply", root=str(root), bundle=request, check=True, diff=True)

    assert reply == {
        "status": "changed",
        "changed": [MODPROBE, "/var/lib/fleetpolicy/manifest.json"],
        "message": "",
        "needsReboot": True,
        "bootId": "boot-1",
        "diff": [f"--- {MODPROBE}\n+++ {MODPROBE}\n@@ -1 +1 @@\n-old\n+new\n"],
    }
    assert tree_digest(root) == before


def test_apply_removes_a_file(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    (root / MODPROBE[1:]).write_text("old\n")

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(MODPROBE, "old\n", "")))

    assert reply["status"] == "changed"
    assert not (root / MODPROBE[1:]).exists()


def test_apply_to_another_state_than_planned_is_stale_and_writes_nothing(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Digest
) -> None:
    root = tiny_host()
    (root / MODPROBE[1:]).write_text("somebody's\n")
    before = tree_digest(root)
    request = bundle(step(GRUB, "gone\n", "a\n"), step(MODPROBE, "", "b\n"), release="6.12")

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert reply == {
        "status": "stale",
        "changed": [],
        "message": f"kernel 7.0 runs, planned for 6.12; {GRUB} is gone since the plan; "
        f"{MODPROBE} appeared since the plan",
    }
    assert tree_digest(root) == before


def test_apply_with_a_failing_update_grub_restores_every_file(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Digest
) -> None:
    root = tiny_host(update_grub="echo no space left >&2; exit 7\n")
    (root / MODPROBE[1:]).write_text("old\n")
    before = tree_digest(root)
    request = bundle(step(GRUB, "", "a\n"), step(MODPROBE, "old\n", "new\n"))

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert reply == {
        "status": "failed",
        "message": "update-grub failed (7): no space left; every file is as it was before, "
        "but update-grub fails with them too",
    }
    assert tree_digest(root) == before


def test_apply_with_a_failing_initramfs_runs_update_grub_with_the_old_files_again(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    once = 'echo "$0" >> "$FLEETPOLICY_ROOT/log"; [ -e "$FLEETPOLICY_ROOT/t" ] && exit 0\n'
    root = tiny_host(update_initramfs=f'{once}touch "$FLEETPOLICY_ROOT/t"; exit 1\n')
    request = bundle(step(GRUB, "", "a\n"), step(MODPROBE, "", "b\n"))

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert reply["message"] == (
        "update-initramfs -u -k all failed (1): ; every file is as it was before"
    )
    ran = [line.split()[0].rpartition("/")[2] for line in log_of(root)]
    assert ran == ["update-grub", "update-initramfs", "update-grub", "update-initramfs"]
    assert not (root / GRUB[1:]).exists()


def test_apply_after_a_power_cut_runs_what_was_left(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    (root / "var/lib/fleetpolicy").mkdir(parents=True)
    note = root / "var/lib/fleetpolicy/pending.json"
    note.write_text('[["update-initramfs", "-u", "-k", "all"], ["rm", "-rf", "/"]]')

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(GRUB, "", "a\n")))

    assert reply["status"] == "changed"
    assert log_of(root) == ["update-grub ", "update-initramfs -u -k all"]
    assert not note.exists()


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/modprobe.d/../passwd", "/etc/modprobe.d/other.conf", "relative"]
)
def test_apply_to_a_path_that_is_not_ours_is_refused(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Digest, path: str
) -> None:
    root = tiny_host()
    before = tree_digest(root)

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(path, "", "x\n")))

    assert reply == {
        "status": "failed",
        "message": f"{path} is none of the files that fleetpolicy owns",
    }
    assert tree_digest(root) == before


def test_apply_through_a_link_is_refused(
    tiny_host: Builder, ask_agent: Agent, tmp_path: Path
) -> None:
    root = tiny_host()
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "etc/modprobe.d").rmdir()
    (root / "etc/modprobe.d").symlink_to(outside)

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(MODPROBE, "", "x\n")))

    assert reply == {
        "status": "failed",
        "message": "/etc/modprobe.d is no plain folder: Not a directory",
    }
    assert list(outside.iterdir()) == []


def test_apply_onto_a_link_is_refused(tiny_host: Builder, ask_agent: Agent, tmp_path: Path) -> None:
    root = tiny_host()
    (root / MODPROBE[1:]).symlink_to(tmp_path / "elsewhere")

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(MODPROBE, "", "x\n")))

    assert reply["message"] == f"{MODPROBE} is no plain file; remove it, nothing was changed"
    assert not (tmp_path / "elsewhere").exists()


def test_apply_of_a_content_that_is_not_the_planned_one_is_refused(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = tiny_host()
    forged = {**step(MODPROBE, "", "x\n"), "content": "y\n"}

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(forged))

    assert reply["message"] == f"{MODPROBE}: the content is not the one that was planned"


def test_apply_defines_changes_and_removes_a_domain(
    tiny_host: Builder, ask_agent: Agent, virsh: str
) -> None:
    root = tiny_host(virsh=virsh)
    newer = XML.replace("</name>", "</name><memory>1</memory>")
    kept = root / "etc/libvirt/qemu/one.xml"
    statuses = []

    for step_ in (
        domain("create", "", XML),
        domain("change", XML, newer),
        domain("remove", newer, None),
    ):
        request = bundle(domains=[step_], manifest=json.dumps(step_))
        statuses.append(ask_agent(verb="apply", root=str(root), bundle=request)["status"])
        statuses.append(kept.read_text() if kept.exists() else "")

    assert statuses == ["changed", XML, "changed", newer, "changed", ""]


def test_apply_of_a_domain_that_libvirt_refuses_restores_files(
    tiny_host: Builder, ask_agent: Agent, virsh: str, tree_digest: Digest
) -> None:
    root = tiny_host(virsh=virsh, update_grub="")
    (root / "etc/libvirt/qemu").mkdir(parents=True)
    before = tree_digest(root)
    request = bundle(step(GRUB, "", "a\n"), domains=[domain("create", "", "<BAD/>")])

    reply = ask_agent(verb="apply", root=str(root), bundle=request)

    assert reply == {
        "status": "failed",
        "message": "domain one: virsh define failed: error: XML document failed to validate; "
        "every file is as it was before",
    }
    assert tree_digest(root) == before


@pytest.mark.parametrize(
    "more",
    [
        {"domains": [domain("remove", XML, None)]},
        {"domains": [domain("change", XML, XML)]},
        {"reboot": True, "rebootNow": True},
        {"guestsOff": ["one"]},
    ],
)
def test_apply_under_a_running_domain_is_refused(
    tiny_host: Builder, ask_agent: Agent, virsh: str, more: dict[str, object]
) -> None:
    root = tiny_host(virsh=virsh)
    (root / "etc/libvirt/qemu").mkdir(parents=True)
    (root / "etc/libvirt/qemu/one.xml").write_text(XML)
    (root / "running").write_text("one\n")

    reply = ask_agent(verb="apply", root=str(root), bundle=bundle(step(GRUB, "", "a\n"), **more))

    assert reply == {
        "status": "failed",
        "message": "running: one; shut down first: virsh shutdown one",
    }


def test_reboot_of_a_simulated_host_returns_the_new_boot(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = tiny_host()

    reply = ask_agent(verb="reboot", root=str(root))

    assert reply == {"status": "ok", "message": "", "bootId": "boot-2"}


def test_reboot_that_does_not_boot_fails(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host(reboot="exit 0\n")

    reply = ask_agent(verb="reboot", root=str(root))

    assert reply["message"] == "reboot ended, but the boot id is still boot-1"


def test_reboot_of_a_real_host_is_refused(ask_agent: Agent) -> None:
    reply = ask_agent(verb="reboot", root="/")

    assert reply == {"status": "failed", "message": "only simulated hosts boot this way"}


@pytest.mark.parametrize(
    ("line", "mode", "statuses"),
    [
        ("quiet a", 0o640, ["unchanged", "unchanged"]),
        ("quiet", 0o640, ["changed", "changed"]),
        ("quiet a", 0o600, ["changed", "unchanged"]),
    ],
)
def test_drop_in_that_stays_is_deployed_anew_where_the_next_boot_or_its_mode_is_another(
    tiny_host: Builder, ask_agent: Agent, line: str, mode: int, statuses: list[str]
) -> None:
    root = tiny_host()
    text = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a"\n'
    place = root / GRUB[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)
    config = root / "boot/grub/grub.cfg"
    config.write_text(f"menuentry 'One' {{\n  linux /vmlinuz-7.0 root=/dev/vda {line}\n}}\n")
    request = {**bundle(step(GRUB, text, text)), "manifest": ""}

    replies = [ask_agent(verb="apply", root=str(root), bundle=request) for _ in range(2)]

    assert [reply["status"] for reply in replies] == statuses
    assert log_of(root) == ["update-grub "] * statuses.count("changed")
    assert place.stat().st_mode & 0o777 == 0o640
