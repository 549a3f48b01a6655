from dataclasses import replace

from fleetpolicy.report.github import write_github
from fleetpolicy.report.product import Product


def test_write_github_escapes_messages_and_properties(validated: Product) -> None:
    assert write_github(validated) == (
        "::error file=policies/gpü 1.yaml,line=14,col=18,title=FP299 drops-water::"
        "hosts kvm-1, kvm-2, device 0000:01:00.0%0A"
        '100%25 of a|b `c` <d> & "e"%0Asecond: line, end%0A'
        "fix: shut @team's #1 tap%0Asee: plumbing(8)\n"
        "::warning title=FP298 may-drip::it drips%0Afix: shut it%0Asee: plumbing(8)\n"
        "::notice file=ex.yaml,line=2,col=1,title=silenced FP298 may-drip::host kvm-3%0A"
        "Exception tap-3 (plumbers, until 2027-03-01): no part | yet\n"
        "fleetpolicy validate: invalid, 1 error, 1 warning, 1 silenced\n"
    )


def test_write_github_of_a_check_that_failed_shows_its_message(verified: Product) -> None:
    assert write_github(verified) == (
        "::error title=check test_tap[a] of kvm-1::def test_tap():%0A"
        "E   assert 1 == 2%0A\x1b[31m]]>&\n"
        "fleetpolicy verify: failed, no findings\n"
    )


def test_write_github_escapes_colons_and_commas_of_titles(verified: Product) -> None:
    check = replace(verified.checks[0], name="a:b,c%\r\n", message="x")

    text = write_github(replace(verified, checks=(check,)))

    assert text.splitlines()[0] == "::error title=check a%3Ab%2Cc%25%0D%0A of kvm-1::x"


def test_write_github_of_a_plan_sums_it_up(planned: Product) -> None:
    assert write_github(planned) == (
        "::notice title=fleetpolicy plan::Plan ffffffffffff: 2 of 2 hosts change "
        "(0 to create, 2 to change, 0 to remove); 2 reboot.\n"
        "fleetpolicy plan: changes, no findings\n"
    )


def test_write_github_carries_lists_of_the_document(carrying: Product) -> None:
    assert write_github(carrying) == (
        "::notice title=parts::part: tap%0Asizes: 1, 2%0Aspare: yes\n"
        "fleetpolicy validate: ok, no findings\n"
    )
