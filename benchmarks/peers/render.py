"""Judge records by asserting in Jsonnet while it renders; print how many are invalid.

render.py rjsonnet|gojsonnet FILE   The file holds a JSON array. Jsonnet has no patterns: lengths
and types of the device's fields are what it can look at.
"""

import importlib
import json
import sys

PROGRAM = """
local fits(device) = std.isString(device.address) && std.length(device.address) == 12
  && std.length(device.id) == 9 && std.length(device.class) == 6;
local render(host) = {
  host: host.host,
  valid: std.all([fits(device) for device in host.facts.devices]),
  modprobe: std.join(',', [device.id for device in host.facts.devices]),
};
[render(host) for host in %s]
"""

if __name__ == "__main__":
    tool, name = sys.argv[1:]
    jsonnet = importlib.import_module({"rjsonnet": "rjsonnet", "gojsonnet": "_gojsonnet"}[tool])
    text = jsonnet.evaluate_snippet("fleet", PROGRAM % f"import {json.dumps(name)}")
    print(sum(not host["valid"] for host in json.loads(text)))
