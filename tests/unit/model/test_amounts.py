import pytest

from fleetpolicy.model.amounts import amount


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts"), (1000, "1000 hosts")]
)
def test_amount_of_one_is_said_in_the_singular(number: int, said: str) -> None:
    assert amount(number, "host") == said


def test_amount_takes_a_plural_that_no_s_makes() -> None:
    assert (amount(1, "policy", "policies"), amount(2, "policy", "policies")) == (
        "1 policy",
        "2 policies",
    )
