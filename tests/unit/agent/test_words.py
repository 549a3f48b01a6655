from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetpolicy.model.commandline import replace_words

Load = Callable[[str], ModuleType]

LINE = st.lists(
    st.sampled_from(("ro", "a", "b=1", "root=UUID=1", 'x="p q"', "--", "$tuned_params")), max_size=8
)
BLANKS = st.sampled_from((" ", "  ", "\t"))
OURS = st.lists(st.sampled_from(("a", "b=1", "b=2", "iommu.strict=1")), max_size=5).map(tuple)
CALM = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ENTRY = (
    "title Linux\n# options of a comment\nlinux /vmlinuz-7.0\noptions root=1 ro  $tuned_params \n"
    "options  quiet\ngrub_class kernel\n"
)


@pytest.fixture
def words(agent_module: Load) -> ModuleType:
    return agent_module("words")


def edit(words: ModuleType, find: str, text: str, old: str, new: str) -> str:
    regions = getattr(words, find)
    without: str = words.without_words(text, regions(text), tuple(old.split()))
    done: str = words.with_words(without, regions(without), tuple(new.split()))
    return done


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("root=1 ro\n", "", "a b=1", "root=1 ro a b=1\n"),
        ("root=1  ro a b=1\n", "a b=1", "", "root=1  ro\n"),
        ("a ro a\n", "a", "", "a ro\n"),
        ("a\n", "a", "", "\n"),
        ("\n", "", "a b", "a b\n"),
        ("ro -- init a\n", "a", "b", "ro b -- init a\n"),
        ("-- init\n", "", "a", "a -- init\n"),
        ("# ours: a\nroot=1\nro\n", "", "a", "# ours: a\nroot=1\nro a\n"),
        ('x="a b" a ro\n', "a", "", 'x="a b" ro\n'),
        ("aa xa a=1 ro", "a", "c", "aa xa a=1 ro c"),
    ],
)
def test_words_change_alone_in_a_file_of_words(
    words: ModuleType, text: str, old: str, new: str, expected: str
) -> None:
    assert edit(words, "lines_of_words", text, old, new) == expected


def test_words_of_an_entry_stand_in_its_options_alone(words: ModuleType) -> None:
    changed = edit(words, "options_of_entry", ENTRY, "", "a b=1")

    assert changed == ENTRY.replace("options  quiet\n", "options  quiet a b=1\n")
    assert edit(words, "options_of_entry", changed, "a b=1", "") == ENTRY


def test_entry_without_options_is_refused(words: ModuleType) -> None:
    with pytest.raises(Exception, match="a boot loader entry has no line options"):
        words.options_of_entry("title Linux\nlinux /vmlinuz-7.0\n")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_words_of_grubs_settings_stand_between_quotes(words: ModuleType, quote: str) -> None:
    text = (
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
        f"GRUB_CMDLINE_LINUX={quote}ro rhgb{quote} # by anaconda\nGRUB_TIMEOUT=5\n"
    )

    changed = edit(words, "grub_settings", text, "", "a b=1")

    assert changed == text.replace("ro rhgb", "ro rhgb a b=1")
    assert edit(words, "grub_settings", changed, "a b=1", "") == text
    assert edit(words, "grub_settings", "GRUB_TIMEOUT=5\n", "", "a") == "GRUB_TIMEOUT=5\n"


@pytest.mark.parametrize(
    "line",
    [
        "GRUB_CMDLINE_LINUX=quiet",
        'GRUB_CMDLINE_LINUX="a $(hostname)"',
        'GRUB_CMDLINE_LINUX="a `hostname`"',
        'GRUB_CMDLINE_LINUX="a \\"b c\\""',
        'GRUB_CMDLINE_LINUX="a"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b"',
        'GRUB_CMDLINE_LINUX+="a"',
    ],
)
def test_settings_that_are_no_plain_assignment_are_refused(words: ModuleType, line: str) -> None:
    with pytest.raises(Exception, match="in a way that cannot be edited safely"):
        words.grub_settings(f"{line}\n")


@CALM
@given(line=LINE, blank=BLANKS, ours=OURS)
def test_words_that_were_put_in_can_be_taken_out_to_the_byte(
    words: ModuleType, line: list[str], blank: str, ours: tuple[str, ...]
) -> None:
    for text, find in (
        (blank.join(line) + "\n", words.lines_of_words),
        (f"linux /v\noptions {blank.join(['ro', *line])}\nx y\n", words.options_of_entry),
    ):
        changed = words.with_words(text, find(text), ours)

        assert words.has_words(changed, find(changed), ours)
        assert words.without_words(changed, find(changed), ours) == text


@CALM
@given(line=LINE, old=OURS, new=OURS)
def test_agent_and_plan_agree_on_the_line_that_comes_out(
    words: ModuleType, line: list[str], old: tuple[str, ...], new: tuple[str, ...]
) -> None:
    text = " ".join(line)

    changed = edit(words, "lines_of_words", text, " ".join(old), " ".join(new))

    assert changed == replace_words(text, old, new)
