import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.commandline import (
    IMAGE_WORDS,
    contradicting,
    is_met,
    kernel_tokens,
    own_words,
    replace_words,
    same_parameter,
    words_in,
)
from fleetpolicy.model.fleet import Setting
from fleetpolicy.model.record import FileState

WORDS = st.lists(st.sampled_from(("a", "b=1", "b=2", "c", 'd="x y"')), max_size=6).map(tuple)
FOREIGN = st.lists(
    st.sampled_from(("a", "b=1", "root=UUID=1", "ro", 'e="p q"', "--", "init")), max_size=8
).map(" ".join)


def wanted(name: str, value: str, **more: str | bool) -> Setting:
    return Setting(name, value, Span("p.yaml"), **more)  # type: ignore[arg-type] # by keyword


def texts(setting: Setting, line: str) -> list[str]:
    return [token.text for token in same_parameter(setting, kernel_tokens(line))]


def test_words_of_a_parameter_are_exact_and_dash_is_underscore() -> None:
    line = "xiommu.strict=1 iommu.strict=0 iommu.strictly arm-smmu-v3.x=1 arm_smmu_v3.x=2"

    assert texts(wanted("iommu.strict", "1"), line) == ["iommu.strict=0"]
    assert texts(wanted("arm_smmu-v3.x", "1"), line) == ["arm-smmu-v3.x=1", "arm_smmu_v3.x=2"]


def test_words_behind_the_end_marker_are_not_the_kernels() -> None:
    assert texts(wanted("panic", "5"), "ro -- panic=5") == []


def test_quoted_values_are_compared_without_quotes() -> None:
    assert is_met(wanted("dyndbg", "file a.c +p"), kernel_tokens('dyndbg="file a.c +p"'))


def test_hugepages_are_those_of_the_size_before_them() -> None:
    tokens = kernel_tokens("hugepages=4 hugepagesz=1G hugepages=16 hugepagesz=2M hugepages=512")

    assert is_met(wanted("hugepages", "16", led_by="1G"), tokens)
    assert is_met(wanted("hugepages", "4"), tokens)
    assert [t.text for t in contradicting(wanted("hugepages", "8", led_by="2M"), tokens)] == [
        "hugepages=512"
    ]
    assert same_parameter(wanted("hugepages", "1", led_by="32M"), tokens) == ()


def test_repeatable_parameter_has_no_contradiction() -> None:
    setting = wanted("console", "tty0", is_repeatable=True)

    assert contradicting(setting, kernel_tokens("console=ttyAMA0 console=tty0")) == ()
    assert is_met(setting, kernel_tokens("console=tty0 console=ttyAMA0"))
    assert not is_met(setting, kernel_tokens("console=ttyAMA0"))


def test_own_words_are_read_from_drop_in_and_list() -> None:
    drop_in = '# ours\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a b=1"\n'
    listed = "# ours\na\n\nb=1\n"
    digest = "0" * 64

    for path, text in (
        ("/etc/default/grub.d/99-fleetpolicy.cfg", drop_in),
        ("/etc/kernel/fleetpolicy.cmdline", listed),
        ("/etc/default/grub", 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX other"\n'),
    ):
        files = {path: FileState(digest=digest, mode=0o644, content=text)}
        expected = () if path == "/etc/default/grub" else ("a", "b=1")
        assert own_words(files) == expected


def test_replaced_words_are_the_last_ones_and_stand_before_the_end_marker() -> None:
    line = "root=1 a ro a b=1 -- a init"

    assert replace_words(line, ("a", "b=1"), ("c=2",)) == "root=1 a ro c=2 -- a init"
    assert replace_words("ro", ("gone",), ()) == "ro"


@given(line=FOREIGN, old=WORDS, new=WORDS)
def test_replaced_words_can_be_taken_back(
    line: str, old: tuple[str, ...], new: tuple[str, ...]
) -> None:
    with_old = replace_words(line, (), old)

    assert replace_words(with_old, old, ()) == replace_words(line, (), ())
    assert replace_words(with_old, old, new) == replace_words(line, (), new)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kargs = ["a=1", "b"]\nmatch-architectures = ["aarch64"]\n', ("a=1", "b")),
        ("# Nothing yet.\n", ()),
        ('kargs = "a=1"\n', ()),
        ("kargs = [\n", ()),
    ],
)
def test_words_of_an_image_are_those_that_its_toml_lists(text: str, words: tuple[str, ...]) -> None:
    kept = FileState(digest="0" * 64, mode=0o644, content=text)

    assert words_in(IMAGE_WORDS, text) == own_words({IMAGE_WORDS: kept}) == words
