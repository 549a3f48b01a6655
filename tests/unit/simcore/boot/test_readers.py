"""Read command lines, modprobe.d, udev rules and shell commands as their readers do."""

import pytest

from fleetpolicy.simcore.boot import ModuleSoftdep, PciFunction, driver_for
from fleetpolicy.simcore.boot.cmdline import (
    Setting,
    blacklisted_by_kmod,
    builtin_settings,
    module_settings,
    parse_cmdline,
    refused_by_kernel,
)
from fleetpolicy.simcore.boot.dynamic_id import parse_ids
from fleetpolicy.simcore.boot.modprobe import logical_lines, order_files, parse_modprobe_d
from fleetpolicy.simcore.boot.shell import (
    Action,
    Fail,
    Modprobe,
    Unmodelled,
    Write,
    parse_command,
)
from fleetpolicy.simcore.boot.trace import Cause
from fleetpolicy.simcore.boot.udev import BadRule, Rule, parse_rules, parse_rules_file


def test_command_line_keeps_quotes_together_and_order() -> None:
    tokens = parse_cmdline('ro  foo="a b" "bar=c d" baz= -- vfio-pci.ids=1:2 single')

    assert [(token.key, token.value, token.for_init) for token in tokens] == [
        ("ro", None, False),
        ("foo", "a b", False),
        ("bar", "c d", False),
        ("baz", "", False),
        ("vfio-pci.ids", "1:2", True),
        ("single", None, True),
    ]


def test_module_settings_take_dash_and_underscore_alike() -> None:
    tokens = parse_cmdline("vfio-pci.ids=1:2 vfio_pci.disable-idle-d3 root=a.b -- kvm.x=1")

    found = [(item.module, item.parameter, item.value) for item in module_settings(tokens)]

    assert found == [
        ("vfio_pci", "ids", "1:2"),
        ("vfio_pci", "disable_idle_d3", ""),
        ("kvm", "x", "1"),
    ]
    assert [item.module for item in builtin_settings(tokens)] == ["vfio_pci", "vfio_pci"]


def test_blacklists_of_kmod_add_up_and_the_kernels_last_one_counts() -> None:
    tokens = parse_cmdline(
        "modprobe.blacklist=a,b-c modprobe.blacklist=d module_blacklist=x module_blacklist=y,z-z"
    )

    assert [name for name, _ in blacklisted_by_kmod(tokens)] == ["a", "b_c", "d"]
    assert [name for name, _ in refused_by_kernel(tokens)] == ["y", "z-z"]


def test_modprobe_files_sort_by_name_and_the_first_directory_wins() -> None:
    files = {
        "/lib/modprobe.d/b.conf": "lib",
        "/etc/modprobe.d/b.conf": "etc",
        "/usr/lib/modprobe.d/a.conf": "usr",
        "c.conf": "bare",
        "/etc/modprobe.d/d.bak": "no",
    }
    directories = ("/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")

    assert order_files(files, directories, ".conf") == (
        ("/usr/lib/modprobe.d/a.conf", "usr"),
        ("/etc/modprobe.d/b.conf", "etc"),
        ("c.conf", "bare"),
    )


def test_lines_join_at_a_backslash_and_keep_the_first_number() -> None:
    assert list(logical_lines("a \\\nb\n# c \\\nd\ne")) == [(1, "a b"), (3, "# c d"), (5, "e")]


def test_modprobe_d_reads_every_directive_and_names_what_it_skips() -> None:
    text = (
        "# comment\n\noptions vfio-pci ids=1:2 disable_idle_d3\nsoftdep a pre: b-c d post: e\n"
        "blacklist no-no\nalias my-* vfio-pci\ninstall a /bin/false\nremove a /bin/true\n"
        "frobnicate x y\noptions lonely\n"
    )

    config = parse_modprobe_d({"x.conf": text}, {})

    assert [(o.module, o.parameter, o.value) for o in config.options] == [
        ("vfio_pci", "ids", "1:2"),
        ("vfio_pci", "disable_idle_d3", ""),
    ]
    assert [(s.module, s.pre, s.post) for s in config.softdeps] == [("a", ("b_c", "d"), ("e",))]
    assert [b.module for b in config.blacklists] == ["no_no"]
    assert [(a.pattern, a.module) for a in config.aliases] == [("my_*", "vfio_pci")]
    assert [c.command for c in (*config.installs, *config.removes)] == ["/bin/false", "/bin/true"]
    assert [(item.setting.line, item.why) for item in config.ignored] == [
        (9, "kmod skips a line that it cannot read"),
        (10, "kmod skips a line that it cannot read"),
    ]


def test_softdeps_of_the_modules_stand_among_the_files_by_name() -> None:
    files = {"a.conf": "softdep m pre: first\n", "z.conf": "softdep m pre: last\n"}

    config = parse_modprobe_d(files, {"m": ModuleSoftdep(pre=("own",))})

    assert [softdep.pre for softdep in config.softdeps] == [("first",), ("own",), ("last",)]


@pytest.mark.parametrize(
    ("command", "actions"),
    [
        ("/sbin/modprobe vfio-pci ids=1:2", [Modprobe("vfio-pci", ("ids=1:2",))]),
        ("modprobe -a a b", [Modprobe("a"), Modprobe("b")]),
        ("modprobe -i nouveau $CMDLINE_OPTS", [Modprobe("nouveau", ignore_install=True)]),
        ("modprobe -b nouveau", [Modprobe("nouveau", use_blacklist=True)]),
        ("modprobe -r nouveau", [Unmodelled("modprobe -r nouveau")]),
        ("/bin/false && modprobe x", [Fail()]),
        ("false; modprobe x", [Fail(), Modprobe("x")]),
        ("/bin/true", []),
        (
            "sh -c 'echo -n 1 > /sys/bus/pci/rescan; modprobe y'",
            [Write("/sys/bus/pci/rescan", "1"), Modprobe("y")],
        ),
        ("setpci -s 0 x", [Unmodelled("setpci -s 0 x")]),
        ("echo 'unclosed", [Unmodelled("echo 'unclosed")]),
    ],
)
def test_shell_commands_are_read_as_far_as_they_change_drivers(
    command: str, actions: list[Action]
) -> None:
    assert list(parse_command(command)) == actions


def test_udev_rules_imply_those_of_systemd_and_keep_bad_lines() -> None:
    rules = parse_rules({"/etc/udev/rules.d/10-x.rules": 'KERNEL=="a", ATTR{x}="1"\nnonsense\n'})

    assert [type(rule) for rule in rules] == [Rule, BadRule, Rule]
    assert rules[-1].cause.source == "/usr/lib/udev/rules.d/80-drivers.rules"


def test_udev_rule_splits_conditions_from_assignments() -> None:
    (rule,) = parse_rules_file(
        "x", 'ACTION=="add|change", ATTR{vendor}==i"0X10DE", ENV{A}="b\\"c", GOTO="end"\n'
    )

    assert isinstance(rule, Rule)
    assert [(piece.key, piece.attribute, piece.ignore_case) for piece in rule.matches] == [
        ("ACTION", "", False),
        ("ATTR", "vendor", True),
    ]
    assert [(piece.key, piece.value) for piece in rule.assignments] == [
        ("ENV", 'b"c'),
        ("GOTO", "end"),
    ]


FUNCTION = PciFunction("0000:01:00.0", "", "10de", "2342", "10de", "16eb", "030200")
MODALIAS = "pci:v000010DEd00002342sv000010DEsd000016EBbc03sc02i00"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("10de:2342", True),
        ("10DE:2342:10de:16eb", True),
        ("10de:ffffffff", True),
        ("10de:2342:10de:0000", False),
        ("ffffffff:ffffffff:ffffffff:ffffffff:030000:ff0000", True),
        ("ffffffff:ffffffff:ffffffff:ffffffff:020000:ff0000", False),
        ("10de:2345", False),
    ],
)
def test_dynamic_id_fits_as_the_kernel_compares(text: str, *, fits: bool) -> None:
    setting = Setting("vfio_pci", "ids", text, Cause("x", text))

    (found,) = parse_ids(setting, lambda _cause, why: pytest.fail(why))

    assert found.fits(FUNCTION) is fits


def test_variant_driver_is_the_alias_with_the_fewest_wildcards() -> None:
    plain = ("vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci")
    variant = ("vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*", "nvgrace_gpu_vfio_pci")
    native = ("pci:v000010DEd00002342sv*sd*bc*sc*i*", "nouveau")

    assert driver_for(MODALIAS, (plain, variant, native)) == "nvgrace_gpu_vfio_pci"
    assert driver_for(MODALIAS.replace("2342", "9999"), (plain, variant)) == "vfio_pci"
    assert driver_for(MODALIAS, (native,)) is None
    assert driver_for(MODALIAS, ()) is None
