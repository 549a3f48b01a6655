"""Hosts whose boot loaders read entries: what the agent sees of them, and changes."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.lab import boot, set_kernel
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

Make = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
Agent = Callable[..., dict[str, Any]]
Digest = Callable[[Path], dict[str, str]]

WORD_LIST = "/etc/kernel/fleetpolicy.cmdline"
BLS, SYSTEMD = "grub-bls", "systemd-boot"
LOADERS = pytest.mark.parametrize("loader", [BLS, SYSTEMD])
KERNEL, OLD = "7.3.4-arm64", "6.1.176-arm64"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest() if text else ""


def bundle(host: InventoryHost, before: str, after: str) -> dict[str, object]:
    verb = ("change" if before else "create") if after else "remove"
    files = [
        {
            "verb": verb,
            "path": WORD_LIST,
            "kind": "kernel command line",
            "mode": 0o644,
            "before": digest(before),
            "after": digest(after),
            "content": after or None,
        }
    ]
    manifest = json.dumps({"bootId": "none", "files": [digest(before), digest(after)]})
    body = {"host": host.name, "plan": "p", "release": KERNEL, "domains": [], "reboot": True}
    return {**body, "files": files, "manifest": manifest}


def entry_of(host: InventoryHost, release: str = KERNEL) -> Path:
    (path,) = (Path(host.root) / "boot/loader/entries").glob(f"*{release}.conf")
    return path


def read(host: InventoryHost, path: str) -> str:
    return (Path(host.root) / path.lstrip("/")).read_text()


def shown(host: InventoryHost) -> str:
    return read(host, "/proc/cmdline").strip()


@LOADERS
def test_loader_is_told_by_its_evidence_and_its_next_line_is_read(
    make: Make, look: Look, loader: str
) -> None:
    host = make(loader=loader, kernel=OLD)
    record = look(host)

    assert record.facts.boot.loader == loader
    assert record.state.next_command_line == record.state.command_line == shown(host)
    start = "initrd=\\initrd.img-" if loader == SYSTEMD else "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-"
    assert shown(host).startswith(f"{start}{OLD} root=UUID=")
    assert shown(host).endswith(" ro quiet")


@LOADERS
def test_next_line_is_that_of_the_kernel_that_was_chosen(
    make: Make, look: Look, loader: str
) -> None:
    host = make(loader=loader)
    with entry_of(host, OLD).open("a") as file:
        file.write("options only-old\n")
    set_kernel(host, OLD)

    line = look(host).state.next_command_line
    boot(host)

    assert line is not None
    assert line.endswith(" ro quiet only-old")
    assert shown(host) == line


@LOADERS
def test_words_come_into_every_file_boot_and_go_without_a_trace(
    make: Make, look: Look, ask_agent: Agent, tree_digest: Digest, loader: str
) -> None:
    host = make(loader=loader)
    folders = [Path(host.root) / place for place in ("etc/kernel", "etc/default", "boot")]
    pristine = [tree_digest(folder) for folder in folders]
    texts = [entry_of(host).read_text(), read(host, "/etc/kernel/cmdline")]
    listed = "# Ours.\niommu.strict=1\nhugepages=16\n"

    reply = ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", listed), diff=True)

    assert (reply["status"], reply["needsReboot"]) == ("changed", True)
    changed = {path for path in reply["changed"] if path != "/var/lib/fleetpolicy/manifest.json"}
    entries = {f"/boot/loader/entries/{entry_of(host, name).name}" for name in (KERNEL, OLD)}
    settings = {"/etc/default/grub"} if loader == BLS else set()
    assert changed == {WORD_LIST, "/etc/kernel/cmdline", *entries, *settings}
    assert len(reply["diff"]) == len(changed)
    assert entry_of(host).read_text() == texts[0].rstrip("\n") + " iommu.strict=1 hugepages=16\n"
    assert read(host, "/etc/kernel/cmdline") == (
        texts[1].rstrip("\n") + " iommu.strict=1 hugepages=16\n"
    )
    line = look(host).state.next_command_line
    boot(host)
    assert shown(host) == line
    assert line is not None
    assert line.endswith(" iommu.strict=1 hugepages=16")

    gone = ask_agent(verb="apply", root=host.root, bundle=bundle(host, listed, ""))

    assert gone["status"] == "changed"
    assert [tree_digest(folder) for folder in folders] == pristine
    assert not (Path(host.root) / WORD_LIST.lstrip("/")).exists()


@LOADERS
def test_check_mode_shows_the_edits_and_writes_nothing(
    make: Make, ask_agent: Agent, tree_digest: Digest, loader: str
) -> None:
    host = make(loader=loader)
    before = tree_digest(Path(host.root))
    request = bundle(host, "", "iommu.strict=1\n")

    reply = ask_agent(verb="apply", root=host.root, bundle=request, check=True, diff=True)

    assert reply["status"] == "changed"
    assert any("+options root=UUID=" in text for text in reply["diff"])
    assert tree_digest(Path(host.root)) == before


@LOADERS
def test_words_that_somebody_took_out_come_back_and_no_others(
    make: Make, ask_agent: Agent, loader: str
) -> None:
    host = make(loader=loader)
    listed = "iommu.strict=1\n"
    ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", listed))
    entry = entry_of(host)
    entry.write_text(entry.read_text().replace(" iommu.strict=1", " foreign=1"))
    kept = read(host, "/etc/kernel/cmdline")

    again = {**bundle(host, listed, listed), "manifest": ""}
    replies = [ask_agent(verb="apply", root=host.root, bundle=again) for _ in range(2)]

    assert [reply["status"] for reply in replies] == ["changed", "unchanged"]
    assert entry.read_text().endswith(" foreign=1 iommu.strict=1\n")
    assert read(host, "/etc/kernel/cmdline") == kept


def test_rescue_entry_stays_as_it_is(make: Make, ask_agent: Agent) -> None:
    host = make(loader=BLS)
    rescue = entry_of(host).with_name("0123-0-rescue.conf")
    rescue.write_text("title Rescue\nlinux /vmlinuz-0-rescue\noptions root=1 ro\n")

    ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", "iommu.strict=1\n"))

    assert rescue.read_text() == "title Rescue\nlinux /vmlinuz-0-rescue\noptions root=1 ro\n"


def test_words_of_others_that_are_like_ours_stay_when_ours_go(make: Make, ask_agent: Agent) -> None:
    host = make(loader=BLS, commandLine=["ro", "iommu.strict=1"])
    before = entry_of(host).read_text()

    ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", "iommu.strict=1\n"))
    assert entry_of(host).read_text().count("iommu.strict=1") == 2
    ask_agent(verb="apply", root=host.root, bundle=bundle(host, "iommu.strict=1\n", ""))

    assert entry_of(host).read_text() == before


@pytest.mark.parametrize("failing", ["settings", "entry"])
def test_file_that_cannot_be_edited_safely_stops_before_anything_is_written(
    make: Make, ask_agent: Agent, tree_digest: Digest, failing: str
) -> None:
    host = make(loader=BLS)
    if failing == "settings":
        path = Path(host.root) / "etc/default/grub"
        path.write_text('GRUB_CMDLINE_LINUX="$(cat /etc/words)"\n')
        said = (
            "/etc/default/grub sets GRUB_CMDLINE_LINUX in a way that cannot be edited safely; "
            'write one line GRUB_CMDLINE_LINUX="WORDS"'
        )
    else:
        entry_of(host, OLD).write_text(f"title Linux\nlinux /vmlinuz-{OLD}\n")
        said = "a boot loader entry has no line options; nothing was changed"
    before = tree_digest(Path(host.root))

    reply = ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", "iommu.strict=1\n"))

    assert reply == {"status": "failed", "message": said}
    assert tree_digest(Path(host.root)) == before


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("boot/EFI/Linux/linux.efi", b"MZ"),
        (
            "sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
            b"\6\0\0\0s\0",
        ),
        ("efi/loader/entries/other.conf", b"linux /vmlinuz\noptions ro\n"),
    ],
)
def test_host_that_keeps_its_line_elsewhere_shows_no_loader(
    make: Make, look: Look, path: str, content: bytes
) -> None:
    host = make(loader=SYSTEMD)
    place = Path(host.root) / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)

    assert look(host).facts.boot.loader is None


def test_variables_of_grub_are_put_in_and_an_unknown_one_leaves_the_line_unknown(
    make: Make, look: Look
) -> None:
    host = make(loader=BLS)
    config = Path(host.root) / "boot/grub2/grub.cfg"
    config.write_text(config.read_text().replace('tuned_params=""', 'tuned_params="isolcpus=2-3"'))

    line = look(host).state.next_command_line
    boot(host)

    assert line == shown(host)
    assert line.endswith(" ro quiet isolcpus=2-3")
    entry_of(host).write_text(entry_of(host).read_text().replace("$tuned_params", "$who_knows"))
    assert look(host).state.next_command_line is None


def test_change_that_a_power_cut_left_half_done_is_finished_without_a_word_twice(
    make: Make, ask_agent: Agent
) -> None:
    host = make(loader=BLS)
    ask_agent(verb="apply", root=host.root, bundle=bundle(host, "", "old=1\nkept=1\n"))
    done, other = entry_of(host), entry_of(host, OLD)
    done.write_text(done.read_text().replace(" old=1 kept=1", " kept=1 new=1"))
    (Path(host.root) / "var/lib/fleetpolicy/pending.json").write_text("[]")

    request = bundle(host, "old=1\nkept=1\n", "kept=1\nnew=1\n")
    reply = ask_agent(verb="apply", root=host.root, bundle=request)

    assert reply["status"] == "changed"
    for path in (done, other):
        assert path.read_text().endswith(" ro quiet $tuned_params kept=1 new=1\n")
    assert read(host, "/etc/kernel/cmdline").endswith(" ro quiet kept=1 new=1\n")


def test_failure_puts_every_shared_file_back(
    make: Make, ask_agent: Agent, tree_digest: Digest
) -> None:
    host = make(loader=BLS)
    request = bundle(host, "", "iommu.strict=1\n")
    broken = {"verb": "create", "name": "one", "before": "", "xml": "<domain>"}
    before = tree_digest(Path(host.root))

    reply = ask_agent(verb="apply", root=host.root, bundle={**request, "domains": [broken]})

    assert reply["status"] == "failed"
    assert "every file is as it was before" in reply["message"]
    after = tree_digest(Path(host.root))
    assert {path: after.get(path) for path in before if "var/lib" not in path} == {
        path: text for path, text in before.items() if "var/lib" not in path
    }


@pytest.mark.shows("FP803")
@LOADERS
def test_boot_without_any_entry_fails(make: Make, loader: str) -> None:
    host = make(loader=loader)
    for entry in Path(host.root).rglob("loader/entries/*.conf"):
        entry.unlink()

    with pytest.raises(FleetPolicyError):
        boot(host)
