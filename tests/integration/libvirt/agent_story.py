"""Let the agent define, read, redefine and remove a domain on a libvirt; print what it saw.

usage: agent_story.py MODULE_UTILS DOMAIN CHANGED
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    utils = importlib.import_module("ansible.module_utils")
    utils.__path__.append(sys.argv[1])
    package = "ansible.module_utils.fleetpolicy_agent"
    domains: Any = importlib.import_module(f"{package}.domains")
    platform: Any = importlib.import_module(f"{package}.platform")
    host = importlib.import_module(f"{package}.host").Host("/")
    texts = [Path(path).read_text() for path in sys.argv[2:]]
    seen: dict[str, object] = {"facts": platform.libvirt_facts(host)}
    domains.define(host, "trainer", texts[0])
    seen["kept"] = domains.domain_texts(host)
    seen["running"] = domains.running_domains(host)
    domains.define(host, "trainer", texts[1])
    seen["changed"] = domains.domain_texts(host)
    domains.undefine(host, "trainer")
    seen["left"] = domains.domain_names(host)
    sys.stdout.write(json.dumps(seen))


main()
