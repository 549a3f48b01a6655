"""Check a host through a connection of its own: few things, as the record holds the rest."""

import pytest
from testinfra.host import Host

from fleetpolicy.verify.expected import ExpectedHost


def test_files_have_the_rendered_content_and_mode(host: Host, policy_host: ExpectedHost) -> None:
    """Read digest and mode of every rendered file."""
    paths = [file.path for file in policy_host.files]
    if not paths:
        return
    places = " ".join(["%s"] * len(paths))
    digests = _by_path(host.run(f"sha256sum -- {places}", *paths).stdout, "  ")
    modes = _by_path(host.run(f"stat -Lc '%%a %%n' -- {places}", *paths).stdout, " ")
    wrong = [
        f"{file.path}: sha256 {digests.get(file.path, 'unreadable')}, rendered {file.digest}"
        for file in policy_host.files
        if digests.get(file.path) != file.digest
    ]
    wrong += [
        f"{file.path}: mode {modes[file.path]}, rendered {file.mode:o}"
        for file in policy_host.files
        if file.path in modes and modes[file.path] != f"{file.mode:o}"
    ]
    _fail_with(wrong)


def test_kernel_was_booted_with_the_words_of_the_policy(
    host: Host, policy_host: ExpectedHost
) -> None:
    """Read /proc/cmdline."""
    words = host.run("cat /proc/cmdline").stdout.split()
    _fail_with(
        [f"/proc/cmdline lacks {token}" for token in policy_host.tokens if token not in words]
    )


def test_devices_are_bound_to_their_drivers(host: Host, policy_host: ExpectedHost) -> None:
    """Follow the driver link of every assigned device."""
    addresses = list(policy_host.drivers)
    if not addresses:
        return
    links = [f"/sys/bus/pci/devices/{address}/driver" for address in addresses]
    places = " ".join(["%s"] * len(links))
    command = f'for link in {places}; do echo "$(basename "$(readlink "$link")")"; done'
    bound = host.run(command, *links).stdout.splitlines()
    seen = dict(zip(addresses, bound, strict=False))
    _fail_with(
        [
            f"{address}: bound to {seen.get(address) or 'no driver'}, wanted {driver}"
            for address, driver in policy_host.drivers.items()
            if seen.get(address) != driver
        ]
    )


def _by_path(output: str, separator: str) -> dict[str, str]:
    """Return the lines `VALUE PATH` of a command by path."""
    pairs = (line.partition(separator) for line in output.splitlines())
    return {path: value for value, _, path in pairs}


def _fail_with(wrong: list[str]) -> None:
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)
