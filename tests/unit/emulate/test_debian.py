from fleetpolicy.emulate.accounts import account_files
from fleetpolicy.emulate.debian import first_nodes, settings
from fleetpolicy.emulate.libvirt import ACCOUNTS, libvirt_nodes

MASTERS = {
    "usr/share/base-passwd/passwd.master": b"root:*:0:0:root:/root:/bin/bash\n",
    "usr/share/base-passwd/group.master": b"root:*:0:\nkvm:*:104:\n",
}


def test_settings_start_ssh_and_leave_out_what_only_costs_time() -> None:
    links = {path: node.content for path, node in settings("11-22").items()}

    folder = "etc/systemd/system"
    service = "/usr/lib/systemd/system/ssh.service"
    assert links[f"{folder}/multi-user.target.wants/ssh.service"] == service
    assert links[f"{folder}/systemd-networkd-wait-online.service"] == "/dev/null"
    assert links[f"{folder}/default.target"] == "/usr/lib/systemd/system/multi-user.target"


def test_settings_mount_the_root_by_its_uuid() -> None:
    fstab = settings("11-22")["etc/fstab"].content

    assert fstab == (
        b"UUID=11-22 / ext4 noatime,errors=remount-ro 0 1\n"
        b"LABEL=LABESP /boot/efi vfat umask=0077,nofail 0 1\n"
    )


def test_own_nodes_do_not_stand_in_each_others_place() -> None:
    assert not first_nodes().keys() & settings("11-22").keys()
    assert not libvirt_nodes().keys() & settings("11-22").keys()


def test_libvirt_runs_guests_as_a_user_who_may_use_kvm() -> None:
    files = account_files({**MASTERS, **ACCOUNTS})

    assert files["etc/passwd"].content == (
        b"root:x:0:0:root:/root:/bin/bash\n"
        b"libvirt-qemu:x:64055:104:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin\n"
    )
    assert b"\nlibvirt-qemu:x:64055:libvirt-qemu\n" in (files["etc/group"].content or b"")
