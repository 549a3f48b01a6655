"""Prove the whole domain, kill every mutant, and check the certificate against its schema."""

import json

import jsonschema
import pytest

from fleetpolicy.simcore.prove import (
    ARCHITECTED,
    EXPECTED,
    INVARIANTS,
    MUTANTS,
    Kill,
    Mutant,
    Proof,
    Status,
    certificate,
    certificate_schema,
    digests,
    kill_mutants,
    prove,
)


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove()


@pytest.fixture(scope="module")
def kills() -> dict[str, Kill]:
    return {kill.mutant.id: kill for kill in kill_mutants()}


def test_proof_finds_exactly_the_known_violations(proof: Proof) -> None:
    violated = {(v.invariant.id, v.era) for v in proof.verdicts if v.status is Status.VIOLATED}

    assert violated == {("I06", "A"), ("I06", "B"), ("I11", "A"), ("I15", "A"), ("I15", "B")}
    assert violated == set(EXPECTED)
    assert [law.name for law in proof.laws if not law.holds] == []
    assert proof.is_green


def test_proof_decides_every_invariant_in_some_era(proof: Proof) -> None:
    decided = {v.invariant.id for v in proof.verdicts if v.status is not Status.VACUOUS}

    assert decided == {invariant.id for invariant in INVARIANTS}


def test_proof_names_the_eras_in_which_an_invariant_has_no_point(proof: Proof) -> None:
    vacuous = {(v.invariant.id, v.era) for v in proof.verdicts if v.status is Status.VACUOUS}

    assert vacuous == {
        *(("I02", era) for era in "AB"),
        ("I08", "A"),
        ("I09", "A"),
        *(("I26", era) for era in "AB"),
        *(("I30", era) for era in "AB"),
    }


def test_witness_of_the_exposure_is_coherent_memory_of_a_real_driver(proof: Proof) -> None:
    found = next(v for v in proof.verdicts if (v.invariant.id, v.era) == ("I06", "B"))

    assert found.witness is not None
    assert found.witness.region.name == "coherent device memory, Normal-WB, VM_PFNMAP"


def test_proof_counts_the_points_of_its_domain(proof: Proof) -> None:
    assert proof.domain.sizes == {
        "faults": 2,
        "featureSets": 8,
        "implementationDefinedChoices": 2,
        "kernels": 3,
        "mappings": 188,
        "points": 12_615_552,
        "regions": 9_024,
        "stage1Choices": 5_592,
    }


NOTICED_BY = {
    "Q1": "I09",
    "Q2": "combine-never-weaker-than-either-device",
    "Q3": "combine-hints-from-stage-1",
    "L1": "combine-less-cacheable-wins",
    "L4": "decode-stage-1-round-trip",
    "narrower-shareability": "combine-wider-shareability-wins",
    "force-wb-spares-device": "I04",
    "more-cacheable-wins": "I03",
    "dic-ignored": "I02",
    "consent-dropped": "I11",
    "consent-assumed": "I08",
    "withheld-in-vain": "withheld-consent-is-device",
    "era-forgotten": "I08",
    "device-executable": "I16",
    "weakened-in-silence": "I26",
    "gicv2-by-consent": "I08",
    "early-ack-lost": "mismatch-loses-three-properties",
    "never-restricted": "I12",
    "unaligned-device": "I17",
    "atomics-anywhere": "I18",
    "gathering-on-ng": "arrival-writes-merge-where-gathered",
    "speculation-on-device": "I14",
    "no-speculation": "arrival-pop-lost-on-normal-only",
    "ngre-ordered": "arrival-doorbell-overtakes-where-reordered",
    "ngnre-unordered": "I20",
    "barrier-for-ng-only": "I22",
    "buffers-on-ng": "arrival-reads-bypass-buffers-where-not-gathered",
    "dsb-waits-on-pcie": "arrival-dsb-proves-nothing-on-a-posted-bus",
    "groups-of-one": "I28",
    "pages-shared": "I29",
    "override-ignored": "I27",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_mutant_is_noticed(mutant: Mutant, kills: dict[str, Kill]) -> None:
    kill = kills[mutant.id]

    assert kill.is_dead
    assert NOTICED_BY[mutant.id] in {*kill.invariants, *kill.laws}


def test_no_invariant_notices_q2_and_l1_which_is_why_there_are_laws(
    kills: dict[str, Kill],
) -> None:
    assert kills["Q2"].invariants == kills["L1"].invariants == ()


def test_sound_core_is_no_mutant() -> None:
    unharmed = kill_mutants([Mutant("none", "Nothing is broken.", ARCHITECTED)])

    assert not unharmed[0].is_dead


def test_certificate_satisfies_its_schema(proof: Proof, kills: dict[str, Kill]) -> None:
    document = json.loads(json.dumps(certificate(proof, kills.values())))

    jsonschema.Draft202012Validator.check_schema(certificate_schema())
    jsonschema.validate(document, certificate_schema())
    assert document["green"] is True
    assert len(document["invariants"]) == 90
    assert all(mutant["dead"] for mutant in document["mutants"])


def test_certificate_is_the_same_for_the_same_proof(proof: Proof) -> None:
    again = prove()

    assert json.dumps(certificate(again)) == json.dumps(certificate(proof))


@pytest.mark.parametrize(
    ("mutant", "table"), [("Q1", "combine"), ("L4", "stage1"), ("consent-dropped", "kvm")]
)
def test_digest_tells_a_mutant_from_the_core(proof: Proof, mutant: str, table: str) -> None:
    broken = next(item for item in MUTANTS if item.id == mutant)

    sound = digests(ARCHITECTED, proof.domain)
    other = digests(broken.semantics, proof.domain)

    assert {name for name in sound if sound[name] != other[name]} == {table}
