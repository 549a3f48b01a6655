"""Run a playbook through ansible-runner; nothing of the run stays on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.runner.event import EventLog, Listener, RunEvent
from fleetpolicy.runner.folder import environment, write_folder
from fleetpolicy.runner.interruption import Interruption, interruption

_MOST_OUTPUT = 2000


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How playbooks are run.

    Args:
        playbooks: The folder of our playbooks.
        forks: Hosts at a time.
        on_event: Told when a task has ended on a host.
        check: Whether to say only what would be done.
        diff: Whether to show how contents change.
        no_reboot: Whether hosts are left waiting for their reboot.
        timeout_seconds: For the run as a whole; 0 for none.
    """

    playbooks: Path
    forks: int = 5
    on_event: Listener | None = None
    check: bool = False
    diff: bool = False
    no_reboot: bool = False
    timeout_seconds: int = 0


@dataclass(frozen=True, slots=True)
class PlaybookRun:
    """A playbook, the hosts it is for, and what it is given.

    Args:
        playbook: Its file name.
        inventory: The inventory's file or folder.
        bundles: Host and JSON text, for playbooks that take bundles.
        variables: What else the playbook is told.
    """

    playbook: str
    inventory: Path
    hosts: tuple[InventoryHost, ...]
    bundles: tuple[tuple[str, str], ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlaybookResult:
    """What a run did.

    Args:
        status: successful, failed, canceled or timeout.
        events: Every task that ended on a host, in the order of their ends.
        output: The end of what Ansible printed, where it failed.
    """

    status: str
    events: tuple[RunEvent, ...]
    output: str

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody or a time limit stopped it."""
        return self.status in {"canceled", "timeout"}


def run_playbook(run: PlaybookRun, options: RunOptions) -> PlaybookResult:
    """Run a playbook on some hosts of an inventory; SIGINT and SIGTERM end it early.

    Returns:
        Whatever was done, an interrupted run included.
    """
    log = EventLog(options.on_event)
    with TemporaryDirectory(prefix="fleetpolicy-") as name, interruption(name) as wanted:
        folder = Path(name)
        write_folder(folder, run.hosts, run.bundles)
        try:
            status, output = _run(folder, run, options, (log, wanted))
        except OSError as error:
            # ansible-runner gives Ansible a terminal of its own, which some containers lack.
            status, output = "failed", f"Ansible could not be run: {error}"
    if wanted.is_wanted and status != "successful":
        status, output = "canceled", ""
    return PlaybookResult(status, tuple(log.events), output)


def _run(
    folder: Path,
    run: PlaybookRun,
    options: RunOptions,
    hooks: tuple[EventLog, Interruption],
) -> tuple[str, str]:
    from ansible_runner.interface import run as run_ansible  # noqa: PLC0415 slow to import

    log, wanted = hooks
    runner = run_ansible(
        private_data_dir=str(folder),
        project_dir=str(Path.cwd()),
        playbook=str(options.playbooks.resolve() / run.playbook),
        inventory=[str(run.inventory.resolve()), str(folder / "inventory" / "simulated.json")],
        cmdline=_command_line(folder, options),
        envvars=environment(options.playbooks.resolve()),
        extravars={
            "fleetpolicy_bundles": str(folder / "bundles"),
            "fleetpolicy_no_reboot": options.no_reboot,
            **run.variables,
        },
        forks=options.forks,
        timeout=options.timeout_seconds or None,
        quiet=True,
        event_handler=log.take,
        cancel_callback=wanted.must_kill,
    )
    return str(runner.status), _output(runner) if runner.status == "failed" else ""


def _command_line(folder: Path, options: RunOptions) -> str:
    words = [f"--limit @{folder}/limit"]
    words += ["--check"] if options.check else []
    words += ["--diff"] if options.diff else []
    return " ".join(words)


def _output(runner: Any) -> str:
    with runner.stdout as file:
        return str(file.read()).strip()[-_MOST_OUTPUT:]
