import pytest

from fleetpolicy.format import format as format_text

HEAD = "apiVersion: fleetpolicy/v1alpha1\n"
BEFORE = """\
# first
apiVersion: fleetpolicy/v1alpha1   \r
kind:  Guest   # kept
metadata:
    name: 0302
spec:
    # about devices
    devices:
    -   device: {address: 0009:01:00.0,
                 id: 10de:2342,
        }
        bootOrder: 4
    # more
    - device:
            address: '0001:02:00.0'
            # at the end
    text: |
          one
            two  

          three
      # behind the text
    parameters:
        iommu.strict: 1
        quiet: true
# last
...


"""  # noqa: W291 blanks at the end of a literal text are content
AFTER = """\
# first
apiVersion: fleetpolicy/v1alpha1
kind:  Guest   # kept
metadata:
  name: "0302"
spec:
  # about devices
  devices:
    - device: {address: "0009:01:00.0",
               id: "10de:2342",
      }
      bootOrder: 4
    # more
    - device:
        address: '0001:02:00.0'
        # at the end
  text: |
    one
      two  

    three
  # behind the text
  parameters:
    iommu.strict: "1"
    quiet: "true"
# last
"""  # noqa: W291
MISREAD = [
    "0000:01:00.0",
    "01:00.0",
    "0009:01:00.0",
    "0000:c1:00.0",
    "1002:15",
    "10de:2342",
    "0302",
    "030200",
    "0108",
    "0123",
    "0x10de",
    "1e04",
    "12e4",
    "0e23",
    "on",
    "off",
    "Yes",
    "no",
    "y",
    "6.10",
    "12:30",
    "02:00",
    "2026-12-01",
    "1_000",
    ".inf",
    "=",
    "True",
]


def test_policy_gets_one_layout_and_keeps_its_comments() -> None:
    assert format_text(BEFORE) == AFTER
    assert format_text(AFTER) == AFTER


@pytest.mark.parametrize("text", MISREAD)
def test_text_that_others_misread_is_quoted(text: str) -> None:
    written = f'{HEAD}a: "{text}"\nb: ["{text}"]\n"{text}": c\n'

    assert format_text(f"{HEAD}a: {text}\nb: [{text}]\n{text}: c\n") == written


@pytest.mark.parametrize("text", ["4", "true", "false", "~", "null", "normal-nc", "64GiB", "gh-01"])
def test_text_that_means_what_it_says_is_left_plain(text: str) -> None:
    assert format_text(f"{HEAD}a: {text}\n") == f"{HEAD}a: {text}\n"


@pytest.mark.parametrize("text", ["8086", "0", "true"])
def test_number_where_the_language_wants_text_is_quoted(text: str) -> None:
    plain = f"{HEAD}spec:\n  modules:\n    vfio: {{a: {text}}}\n  count: {text}\n"

    assert format_text(plain) == plain.replace(f"a: {text}", f'a: "{text}"')


def test_other_yaml_keeps_its_scalars() -> None:
    assert format_text("on:\n    push: 6.10\n") == "on:\n  push: 6.10\n"


def test_documents_are_parted_by_dashes_alone() -> None:
    assert format_text("a: b\n...\n---  \nc: d\n...\n") == "a: b\n---\nc: d\n"
    directive = "a: b\n...\n%YAML 1.1\n---\nc: d\n"
    assert format_text(directive) == directive


def test_last_line_gets_its_end_unless_that_would_be_content() -> None:
    assert format_text("a: b") == "a: b\n"
    assert format_text("a: b\n\n\n") == "a: b\n"
    assert format_text("a: |+\n  b\n\n") == "a: |+\n  b\n\n"
    assert format_text("a: |\n  b") == "a: |\n  b"


def test_explicit_keys_keep_their_lines() -> None:
    assert format_text("? a\n:   b \n") == "? a\n:   b \n"


def test_step_that_has_to_wait_for_another_is_not_left_for_the_next_run() -> None:
    assert format_text("- |\n...\n  # note\n") == "- |\n# note\n"


def test_nothing_stays_nothing() -> None:
    assert format_text("") == ""
    assert format_text("\n\n") == ""
