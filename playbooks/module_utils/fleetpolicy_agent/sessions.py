# SPDX-License-Identifier: Apache-2.0
"""Find the network interfaces that ssh sessions come in by."""

from __future__ import annotations

import os
import socket
import struct
from fcntl import ioctl

from ansible.module_utils.fleetpolicy_agent.host import Host

SIOCGIFCONF = 0x8912
SSH_PORT = 22
ESTABLISHED = "01"
IFNAMSIZ = 16
IFREQ_SIZE = IFNAMSIZ + (24 if struct.calcsize("P") == 8 else 16)  # noqa: PLR2004 sizeof(struct ifmap)
MOST_INTERFACES = 4096
MAPPED_IPV4 = bytes(10) + b"\xff\xff"


def ssh_interfaces(host: Host) -> set[str]:
    """Return the interfaces of this machine that ssh sessions come in by.

    A simulated host has no sessions of its own.
    """
    if host.is_simulated:
        return set()
    local = session_addresses(
        os.environ.get("SSH_CONNECTION", ""),
        host.text("/proc/net/tcp") or "",
        host.text("/proc/net/tcp6") or "",
    )
    if not local:
        return set()
    found = _ipv4_addresses() + ipv6_addresses(host.text("/proc/net/if_inet6") or "")
    return {name for name, address in found if address in local} - {"lo"}


def session_addresses(connection: str, tcp: str, tcp6: str) -> set[bytes]:
    """Return this machine's end of every ssh session, packed.

    Args:
        connection: SSH_CONNECTION, which also knows a server on another port.
        tcp: /proc/net/tcp.
        tcp6: /proc/net/tcp6.
    """
    found = set()
    words = connection.split()
    if len(words) == 4:  # noqa: PLR2004 client address and port, server address and port
        found.add(_packed(words[2]))
    for line in tcp.splitlines()[1:] + tcp6.splitlines()[1:]:
        fields = line.split()
        address, _, port = fields[1].partition(":")
        if int(port, 16) == SSH_PORT and fields[3] == ESTABLISHED:
            found.add(_without_mapping(_unpack(address)))
    return found - {b""}


def ipv6_addresses(table: str) -> list[tuple[str, bytes]]:
    """Return the interfaces and addresses of /proc/net/if_inet6."""
    rows = (line.split() for line in table.splitlines())
    return [(fields[5], bytes.fromhex(fields[0])) for fields in rows]


def _packed(address: str) -> bytes:
    address = address.partition("%")[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return _without_mapping(socket.inet_pton(family, address))
    except OSError:
        return b""


def _unpack(address: str) -> bytes:
    """Return an address of /proc/net/tcp: words of four bytes, each in the machine's order."""
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    return struct.pack(f"={len(words)}I", *words)


def _without_mapping(address: bytes) -> bytes:
    return address.removeprefix(MAPPED_IPV4)


def _ipv4_addresses() -> list[tuple[str, bytes]]:
    """Return every IPv4 address of this machine with its interface.

    Source:
        netdevice(7), SIOCGIFCONF
    """
    import array  # noqa: PLC0415 simulated hosts do not come here

    buffer = array.array("B", bytes(MOST_INTERFACES * IFREQ_SIZE))
    place, size = buffer.buffer_info()
    request = bytearray(struct.pack("iP", size, place))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            ioctl(udp.fileno(), SIOCGIFCONF, request)
    except OSError:
        return []
    used = struct.unpack("iP", request)[0]
    data = buffer.tobytes()[:used]
    rows = [data[start : start + IFREQ_SIZE] for start in range(0, used, IFREQ_SIZE)]
    # The name is followed by a sockaddr_in: family, port, address.
    return [
        (
            row[:IFNAMSIZ].split(b"\0")[0].decode().partition(":")[0],
            row[IFNAMSIZ + 4 : IFNAMSIZ + 8],
        )
        for row in rows
    ]
