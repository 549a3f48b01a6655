"""Find what an image-based host does not get from files on the host, so that nothing is half done.

What belongs into the image is rendered for whoever builds it; what belongs to the machine is said.
"""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Subject
from fleetpolicy.model.artifact import Artifact
from fleetpolicy.model.commandline import IMAGE_WORDS, asked_words, words_in
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.fleet import Assignment, HostClass
from fleetpolicy.model.record import HostRecord, HostState
from fleetpolicy.model.runtime import COPIED, Unmet, lacks_words, list_contested
from fleetpolicy.plan.rules import IMAGE_INITRAMFS_UNREADY, IMAGE_KEEPS_WORDS, IMAGE_LACKS_WORDS

_AGAIN = "reboot into it and collect the facts again"


def find_unready(
    host_class: HostClass, record: HostRecord, artifacts: tuple[Artifact, ...]
) -> Iterator[Diagnostic]:
    """Find what the next boot of an image-based host lacks; nothing on other hosts."""
    lacking = tuple(lacks_words(host_class, record.state))
    if lacking:
        yield _lacks_words(host_class, record, lacking)
    if host_class.facts.boot.initramfs == "image":
        yield from _find_initramfs(host_class, record, artifacts)


def _lacks_words(
    host_class: HostClass, record: HostRecord, lacking: tuple[Unmet, ...]
) -> Diagnostic:
    words = tuple(item.wanted for item in lacking)
    state = record.state
    is_known = state.next_command_line is not None
    where = (
        "the entry that boots next lacks"
        if is_known
        else "what boots next is not known, as where a deployment is staged; /proc/cmdline lacks"
    )
    machine = f"rpm-ostree kargs {_appended(asked_words(host_class), words)}"
    if set(words) <= set(_image_words(state)):
        why = f"{where} {' '.join(words)}, though {IMAGE_WORDS} of the image asks for it"
        fix = f"have this machine take it: {machine}; {_AGAIN}"
    else:
        why = f"{where} {' '.join(words)}"
        fix = (
            f"build the image with {IMAGE_WORDS} from fleetpolicy render -o DIR, and deploy it: "
            f"bootc upgrade; or, for this machine alone or without bootc: {machine}; {_AGAIN}"
        )
    return IMAGE_LACKS_WORDS.at(
        min(item.origin for item in lacking), why=why, fix=fix, subject=_subject(record)
    )


def _appended(asked: tuple[str, ...], lacking: tuple[str, ...]) -> str:
    """Return the options that append words in their order.

    One that is asked for more than once counts by its place: none of them may be passed over then.

    Source:
        rpm-ostree(1): --append-if-missing does nothing where the very word is there
    """
    is_repeated = len(set(asked)) < len(asked)
    option = "--append" if is_repeated else "--append-if-missing"
    return " ".join(f"{option}={word}" for word in (asked if is_repeated else lacking))


def _image_words(state: HostState) -> tuple[str, ...]:
    kept = state.files.get(IMAGE_WORDS)
    return words_in(IMAGE_WORDS, kept.content or "") if kept else ()


def _find_initramfs(
    host_class: HostClass, record: HostRecord, artifacts: tuple[Artifact, ...]
) -> Iterator[Diagnostic]:
    image = record.state.initramfs
    if image is None:
        unknown = [item for item in host_class.assignments if item.device.native_driver]
        if unknown:
            why = (
                f"the initramfs that boots next was not read, and {_natives(unknown)} may be in it"
            )
            fix = (
                "reboot where a deployment is staged, let one initramfs be all that its entry "
                "names, and collect the facts again"
            )
            yield IMAGE_INITRAMFS_UNREADY.at(
                unknown[0].driver_origin, why=why, fix=fix, subject=_subject(record)
            )
        return
    contested = list_contested(host_class, image.modules)
    files = [
        item.path
        for item in artifacts
        if item.path in COPIED and image.files.get(item.path) != digest_of(item.content)
    ]
    modules = {
        item.driver.module
        for item in contested
        if host_class.facts.modules.get(item.driver.module) != "builtin"
    }
    lacking = (*files, *sorted(modules - set(image.modules)))
    if contested and lacking:
        yield IMAGE_INITRAMFS_UNREADY.at(
            contested[0].driver_origin,
            why=f"{_natives(contested)} can be first at boot: {image.path} lacks "
            f"{', '.join(lacking)} as rendered",
            fix="build the image with the files of fleetpolicy render -o DIR, make its initramfs "
            f"anew there with dracut --force, and deploy it: bootc upgrade; {_AGAIN}",
            subject=_subject(record),
        )


def _natives(assignments: list[Assignment] | tuple[Assignment, ...]) -> str:
    return ", ".join(sorted({item.device.native_driver or "" for item in assignments}))


def find_left_words(host_class: HostClass, record: HostRecord) -> Iterator[Diagnostic]:
    """Find words of ours that an image still adds and that policy asks for no more.

    Source:
        bootc, crates/lib/src/bootc_kargs.rs: an image without kargs.d takes no word back
    """
    left = [word for word in _image_words(record.state) if word not in asked_words(host_class)]
    if left:
        yield IMAGE_KEEPS_WORDS.at(
            record.span,
            why=f"{IMAGE_WORDS} of the image has {' '.join(left)}, which policy does not ask for",
            fix="build the image with what fleetpolicy render -o DIR writes now, or with kargs = "
            f"[] in that file where it writes none, and deploy it: bootc upgrade; {_AGAIN}",
            subject=_subject(record),
        )


def _subject(record: HostRecord) -> Subject:
    return Subject(record.host, facts=f"{record.span.path}, {record.collected_at[:10]}")
