"""Write down what was proven, so that another program can check and compare it."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from fleetpolicy.simcore.attributes import Device, MemoryAttributes, Reserved, type_name
from fleetpolicy.simcore.kvm import Refused
from fleetpolicy.simcore.prove.domain import Domain, regions
from fleetpolicy.simcore.prove.killing import Kill
from fleetpolicy.simcore.prove.laws import LawVerdict
from fleetpolicy.simcore.prove.laws.combining import EVERYTHING, cases
from fleetpolicy.simcore.prove.proof import Proof
from fleetpolicy.simcore.prove.semantics import Semantics
from fleetpolicy.simcore.prove.verdict import Verdict, Witness
from fleetpolicy.simcore.stage1 import MAIR_ATTRIBUTES, SH_FIELDS
from fleetpolicy.simcore.stage2 import MEMATTR_FIELDS

FORMAT_VERSION = 1
CORE_VERSION = "1.0"
"""Raise the second number when a verdict can change, the first when a public name goes away."""

Json = dict[str, Any]


def certificate(proof: Proof, kills: Iterable[Kill] = ()) -> Json:
    """Return a proof as data for JSON; equal proofs give equal certificates.

    Args:
        proof: What was proven.
        kills: What became of the mutants; none if they were not run.
    """
    return {
        "formatVersion": FORMAT_VERSION,
        "coreVersion": CORE_VERSION,
        "green": proof.is_green,
        "domain": proof.domain.sizes,
        "digests": digests(proof.semantics, proof.domain),
        "invariants": [_verdict(verdict) for verdict in proof.verdicts],
        "laws": [_law(law) for law in proof.laws],
        "mutants": [_kill(kill) for kill in kills],
    }


def digests(semantics: Semantics, domain: Domain) -> dict[str, str]:
    """Return a SHA-256 digest of each table that the functions of a semantics amount to."""
    return {
        "combine": _digest(_combine_rows(semantics)),
        "kvm": _digest(_kvm_rows(semantics, domain)),
        "stage1": _digest(_stage_1_rows(semantics)),
        "stage2": _digest(_stage_2_rows(semantics)),
    }


def _digest(rows: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _attributes(attrs: MemoryAttributes | Reserved) -> str:
    if isinstance(attrs, Reserved):
        return "reserved"
    common = f"{type_name(attrs)} {attrs.shareability.name} {int(attrs.xs)}"
    if isinstance(attrs, Device):
        return common
    inner, outer = (
        f"{hints.allocation.value}{int(hints.transient)}"
        for hints in (attrs.inner_hints, attrs.outer_hints)
    )
    return f"{common} {inner} {outer} {attrs.tags.name}"


def _stage_1_rows(semantics: Semantics) -> Iterator[str]:
    for attr in MAIR_ATTRIBUTES:
        for sh in SH_FIELDS:
            yield _attributes(semantics.decode_mair(attr, sh, EVERYTHING))


def _stage_2_rows(semantics: Semantics) -> Iterator[str]:
    for fwb in (False, True):
        for memattr in MEMATTR_FIELDS:
            for sh in SH_FIELDS:
                found = semantics.decode_s2(memattr, sh, fwb, EVERYTHING)
                yield (
                    "reserved"
                    if isinstance(found, Reserved)
                    else (f"{found.memory} {found.shareability.name} {int(found.no_tag_access)}")
                )


def _combine_rows(semantics: Semantics) -> Iterator[str]:
    return (_attributes(case.final) for case in cases(semantics))


def _kvm_rows(semantics: Semantics, domain: Domain) -> Iterator[str]:
    for region in regions(domain):
        found = semantics.kvm_stage2(region.kernel, region.vma, region.features, region.fault)
        if isinstance(found, Refused):
            yield f"{found.errno} {found.where}"
        else:
            yield f"{found.type.value} {int(found.executable)}"


def _verdict(verdict: Verdict) -> Json:
    return {
        "id": verdict.invariant.id,
        "name": verdict.invariant.name,
        "statement": verdict.invariant.statement,
        "source": verdict.invariant.source,
        "methods": [method.value for method in verdict.invariant.methods],
        "era": verdict.era,
        "status": verdict.status.value,
        "points": verdict.points,
        "violations": verdict.violations,
        "expected": verdict.expected,
        "witness": None if verdict.witness is None else _witness(verdict.witness),
    }


def _witness(witness: Witness) -> Json:
    region, violation = witness.region, witness.violation
    features = (name for name in ("fwb", "dic", "xs", "mte2") if getattr(region.features, name))
    t = violation.translation
    return {
        "region": region.name,
        "kernel": region.kernel.name,
        "features": list(features),
        "guest": "" if t is None else type_name(t.s1),
        "final": "" if t is None else type_name(t.final),
        "why": violation.why,
        "harmed": violation.harmed.value,
        "trace": violation.trace.splitlines(),
    }


def _law(law: LawVerdict) -> Json:
    return {
        "name": law.name,
        "statement": law.statement,
        "source": law.source,
        "holds": law.holds,
        "points": law.points,
        "counterexample": law.counterexample,
    }


def _kill(kill: Kill) -> Json:
    return {
        "id": kill.mutant.id,
        "what": kill.mutant.what,
        "dead": kill.is_dead,
        "invariants": list(kill.invariants),
        "laws": list(kill.laws),
    }


def certificate_schema() -> Json:
    """Return the JSON Schema that every certificate of this format satisfies."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Certificate of a proof of fleetpolicy's simulation core",
        **_object(
            {
                "formatVersion": {"const": FORMAT_VERSION},
                "coreVersion": {"type": "string", "pattern": r"^\d+\.\d+$"},
                "green": {"type": "boolean"},
                "domain": {"type": "object", "additionalProperties": _COUNT, "minProperties": 1},
                "digests": _object(dict.fromkeys(("combine", "kvm", "stage1", "stage2"), _DIGEST)),
                "invariants": {"type": "array", "items": _object(_VERDICT)},
                "laws": {"type": "array", "items": _object(_LAW)},
                "mutants": {"type": "array", "items": _object(_KILL)},
            }
        ),
    }


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


_TEXT: Json = {"type": "string"}
_SENTENCE: Json = {"type": "string", "minLength": 1}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_COUNT: Json = {"type": "integer", "minimum": 0}
_DIGEST: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_WITNESS: Json = {
    "region": _SENTENCE,
    "kernel": _SENTENCE,
    "features": _TEXTS,
    "guest": _TEXT,
    "final": _TEXT,
    "why": _SENTENCE,
    "harmed": {"enum": ["host", "other guest", "self"]},
    "trace": _TEXTS,
}
_VERDICT: Json = {
    "id": {"type": "string", "pattern": "^I[0-9]{2}$"},
    "name": _SENTENCE,
    "statement": _SENTENCE,
    "source": _SENTENCE,
    "methods": {"type": "array", "items": {"enum": ["E", "L", "A", "boot", "topo"]}, "minItems": 1},
    "era": _SENTENCE,
    "status": {"enum": ["HOLDS", "VIOLATED", "VACUOUS"]},
    "points": _COUNT,
    "violations": _COUNT,
    "expected": _TEXT,
    "witness": {"anyOf": [{"type": "null"}, _object(_WITNESS)]},
}
_LAW: Json = {
    "name": _SENTENCE,
    "statement": _SENTENCE,
    "source": _SENTENCE,
    "holds": {"type": "boolean"},
    "points": _COUNT,
    "counterexample": _TEXT,
}
_KILL: Json = {
    "id": _SENTENCE,
    "what": _SENTENCE,
    "dead": {"type": "boolean"},
    "invariants": _TEXTS,
    "laws": _TEXTS,
}
