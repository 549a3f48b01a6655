import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.report.place import file_of, uri_of


@pytest.mark.parametrize(
    ("path", "file", "uri"),
    [
        ("policies/a.yaml", "policies/a.yaml", "policies/a.yaml"),
        ("./policies/../b c.yaml", "b c.yaml", "b%20c.yaml"),
        ("/srv/fleet/x.yaml", "x.yaml", "x.yaml"),
        ("../other/ü%.yaml", "/srv/other/ü%.yaml", "file:///srv/other/%C3%BC%25.yaml"),
        ("a:b?#.yaml", "a:b?#.yaml", "a%3Ab%3F%23.yaml"),
        ("f\udcff.yaml", "f\udcff.yaml", "f%FF.yaml"),
        ("command line", "", ""),
        ("look at kvm-1", "", ""),
        ("", "", ""),
    ],
)
def test_places_are_relative_to_the_folder_where_they_can_be(
    path: str, file: str, uri: str
) -> None:
    assert (file_of(Span(path), "/srv/fleet"), uri_of(Span(path), "/srv/fleet")) == (file, uri)


def test_place_below_the_root_folder_is_relative_to_it() -> None:
    assert file_of(Span("/a/b.yaml"), "/") == "a/b.yaml"
