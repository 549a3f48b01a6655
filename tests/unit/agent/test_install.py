import base64
import fcntl
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Builder = Callable[..., Path]
Agent = Callable[..., dict[str, Any]]

HERE, LATER, ELSEWHERE = "7.0-arm64", "8.0-arm64", "6.1-arm64"
PATH = f"/usr/lib/modules/{HERE}/updates/fleetpolicy/one.ko"
DEPMOD = """
echo "depmod $*" >> "$FLEETPOLICY_ROOT/log"
cd "$FLEETPOLICY_ROOT/lib/modules/$2" && echo updates/fleetpolicy/one.ko: > modules.dep
"""
NONE = {"changed": [], "message": "", "status": "unchanged"}


def module(release: str = HERE, name: str = "one.ko", data: bytes = b"\x7fELF") -> dict[str, str]:
    content = base64.b64encode(zlib.compress(data)).decode()
    return {"release": release, "name": name, "content": content}


@pytest.fixture
def root(tiny_host: Builder) -> Path:
    """Return a host whose /lib is a link, as it is on today's distributions."""
    return laid_out(tiny_host(depmod=DEPMOD))


def laid_out(root: Path) -> Path:
    (root / "usr/lib/modules" / HERE).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    return root


def log_of(root: Path) -> str:
    path = root / "log"
    return path.read_text() if path.exists() else ""


def test_module_is_placed_for_the_kernel_that_the_host_has(root: Path, ask_agent: Agent) -> None:
    reply = ask_agent(verb="install", root=str(root), modules=[module(), module(ELSEWHERE)])

    assert reply == {"changed": [PATH], "message": "", "status": "changed"}
    place = root / PATH.lstrip("/")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"\x7fELF", 0o644)
    assert not (root / f"usr/lib/modules/{ELSEWHERE}").exists()
    assert log_of(root) == f"depmod --all {HERE}\n"


def test_module_that_is_there_and_found_costs_nothing(root: Path, ask_agent: Agent) -> None:
    ask_agent(verb="install", root=str(root), modules=[module()])

    assert ask_agent(verb="install", root=str(root), modules=[module()]) == NONE
    assert log_of(root) == f"depmod --all {HERE}\n"


@pytest.mark.parametrize("harm", ["", "kernel/other.ko:\n", None])
def test_depmod_makes_up_for_a_run_that_was_cut_off(
    root: Path, ask_agent: Agent, harm: str | None
) -> None:
    ask_agent(verb="install", root=str(root), modules=[module()])
    index = root / "usr/lib/modules" / HERE / "modules.dep"
    if harm is None:
        os.utime(index, (1, 1))
    else:
        index.write_text(harm)

    assert ask_agent(verb="install", root=str(root), modules=[module()]) == NONE
    assert log_of(root) == f"depmod --all {HERE}\n" * 2


def test_host_without_the_kernel_is_left_alone(root: Path, ask_agent: Agent) -> None:
    reply = ask_agent(verb="install", root=str(root), modules=[module(ELSEWHERE)])

    assert reply == {**NONE, "message": "it has none of these kernels"}
    assert not log_of(root)


def test_check_says_what_would_be_done_and_does_nothing(root: Path, ask_agent: Agent) -> None:
    reply = ask_agent(verb="install", root=str(root), modules=[module()], check=True)

    assert reply == {"changed": [PATH], "message": "", "status": "changed"}
    assert not (root / PATH.lstrip("/")).exists()
    assert not log_of(root)


def test_modules_are_as_they_were_where_depmod_fails(tiny_host: Builder, ask_agent: Agent) -> None:
    root = laid_out(tiny_host(depmod="echo 'depmod: no room' >&2; exit 1\n"))
    place = root / PATH.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    place.chmod(0o600)

    reply = ask_agent(verb="install", root=str(root), modules=[module(), module(name="two.ko")])

    assert reply == {
        "message": f"depmod --all {HERE} failed (1): depmod: no room; "
        "every file is as it was before, but depmod fails with them too",
        "status": "failed",
    }
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"old", 0o600)
    assert [path.name for path in place.parent.iterdir()] == ["one.ko"]


def test_modprobe_finds_what_it_found_before_where_depmod_fails_for_a_later_kernel(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    list_modules = f"""
cd "$FLEETPOLICY_ROOT/lib/modules/$2" && find updates -name '*.ko' -printf '%p:\\n' > modules.dep
[ "$2" = {HERE} ]
"""
    root = laid_out(tiny_host(depmod=list_modules))
    (root / "usr/lib/modules" / LATER).mkdir()

    reply = ask_agent(verb="install", root=str(root), modules=[module(), module(LATER)])

    assert reply["status"] == "failed"
    assert reply["message"].startswith(f"depmod --all {LATER} failed (1): ")
    assert not (root / PATH.lstrip("/")).exists()
    assert (root / "usr/lib/modules" / HERE / "modules.dep").read_text() == ""


def test_second_run_does_not_begin_while_one_changes_the_host(root: Path, ask_agent: Agent) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    reply = ask_agent(verb="install", root=str(root), modules=[module()])

    os.close(descriptor)
    assert reply == {
        "message": "another run is changing this host; wait for its end",
        "status": "failed",
    }
    assert not (root / PATH.lstrip("/")).exists()


def test_kernel_whose_folder_is_a_link_gets_nothing_in_the_folder_of_another(
    root: Path, ask_agent: Agent
) -> None:
    (root / "usr/lib/modules" / LATER).symlink_to(HERE)

    reply = ask_agent(verb="install", root=str(root), modules=[module(LATER)])

    assert reply["status"] == "failed"
    assert reply["message"].startswith(f"/usr/lib/modules/{LATER} is no plain folder: ")
    assert list((root / "usr/lib/modules" / HERE).iterdir()) == []


def test_nothing_stays_of_a_first_module_where_there_is_no_depmod(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = laid_out(tiny_host())

    reply = ask_agent(verb="install", root=str(root), modules=[module()])

    assert reply["message"] == (
        "depmod is not there or did not end; every file is as it was before, "
        "but depmod fails with them too"
    )
    assert list((root / "usr/lib/modules" / HERE).iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (module("../../etc"), "../../etc/one.ko is no module of a kernel"),
        (module(name="../one.ko"), f"{HERE}/../one.ko is no module of a kernel"),
        (module(name="modules.dep"), f"{HERE}/modules.dep is no module of a kernel"),
        ({"release": HERE}, "a module is not as it was sent: KeyError('name')"),
        ("one.ko", "a module is not as it was sent: TypeError("),
        ({**module(), "content": "@"}, "a module is not as it was sent: Error("),
        ({**module(), "content": "QUFB"}, "a module is not as it was sent: error("),
    ],
)
def test_what_is_no_module_is_refused(
    root: Path, ask_agent: Agent, sent: object, message: str
) -> None:
    reply = ask_agent(verb="install", root=str(root), modules=[module(), sent])

    assert reply["status"] == "failed"
    assert reply["message"].startswith(message)
    assert not (root / PATH.lstrip("/")).exists()


def test_link_in_the_place_of_our_folder_is_not_followed(root: Path, ask_agent: Agent) -> None:
    (root / "usr/lib/modules" / HERE / "updates").symlink_to("/etc")

    reply = ask_agent(verb="install", root=str(root), modules=[module()])

    assert reply["status"] == "failed"
    assert reply["message"].startswith(f"/usr/lib/modules/{HERE}/updates is no plain folder: ")
