from fleetpolicy.emulate.accounts import account_files

FOUND = {
    "usr/share/base-passwd/passwd.master": b"root::0:0:root:/root:/bin/bash\n"
    b"nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "usr/share/base-passwd/group.master": b"root:*:0:\nshadow:*:42:\nnogroup:*:65534:\n",
    "usr/lib/sysusers.d/a.conf": b'# people\nu sshd -:nogroup "sshd user" /run/sshd\n'
    b'u! systemd-network 998:998 "Network"\ng kvm 104 -\ng input - -\nm sshd kvm\n',
}


def test_account_files_join_masters_and_sysusers() -> None:
    files = {path: node.content for path, node in account_files(FOUND).items()}

    assert files["etc/passwd"] == (
        b"root:x:0:0:root:/root:/bin/bash\n"
        b"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        b"sshd:x:998:65534:sshd user:/run/sshd:/usr/sbin/nologin\n"
        b"systemd-network:x:998:998:Network:/:/usr/sbin/nologin\n"
    )


def test_nobody_has_a_password() -> None:
    files = account_files(FOUND)

    shadow = files["etc/shadow"]
    assert isinstance(shadow.content, bytes)
    assert [line.split(":")[1] for line in shadow.content.decode().splitlines()] == ["*"] * 4
    assert (shadow.mode, shadow.group) == (0o640, 42)
