"""A small grammar of domains, in two files as libvirt's own is in ten."""

from pathlib import Path

DOMAIN_RNG = """\
<grammar xmlns="http://relaxng.org/ns/structure/1.0"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <include href="devices.rng"/>
  <start>
    <element name="domain">
      <interleave>
        <element name="name"><text/></element>
        <optional><element name="vcpu"><data type="unsignedInt"/></element></optional>
        <optional>
          <element name="devices"><interleave>
            <zeroOrMore><ref name="hostdev"/></zeroOrMore>
            <zeroOrMore><element name="disk"><empty/></element></zeroOrMore>
          </interleave></element>
        </optional>
      </interleave>
    </element>
  </start>
</grammar>
"""
DEVICES_RNG = """\
<grammar xmlns="http://relaxng.org/ns/structure/1.0">
  <define name="hostdev">
    <element name="hostdev">
      <attribute name="managed"><choice><value>yes</value><value>no</value></choice></attribute>
      <interleave>
        <element name="source"><attribute name="bus"/></element>
        <optional><element name="driver">
          <optional><attribute name="name"/></optional>
        </element></optional>
      </interleave>
    </element>
  </define>
</grammar>
"""


def write_schemas(folder: Path) -> Path:
    """Write the grammar into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "domain.rng").write_text(DOMAIN_RNG)
    (folder / "devices.rng").write_text(DEVICES_RNG)
    return folder


ANYTHING_RNG = """\
<grammar xmlns="http://relaxng.org/ns/structure/1.0">
  <start><ref name="anything"/></start>
  <define name="anything">
    <element>
      <anyName>EXCEPT</anyName>
      <zeroOrMore><attribute><anyName/></attribute></zeroOrMore>
      <zeroOrMore><choice><text/><ref name="anything"/></choice></zeroOrMore>
    </element>
  </define>
</grammar>
"""


def write_lax_schemas(folder: Path, *, without: str = "") -> Path:
    """Write a grammar that admits every element but one."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"<except><name>{without}</name></except>" if without else ""
    (folder / "domain.rng").write_text(ANYTHING_RNG.replace("EXCEPT", name))
    return folder
