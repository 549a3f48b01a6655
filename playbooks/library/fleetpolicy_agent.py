# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the agent as an ordinary module, for connections that cannot take a program on stdin."""

from __future__ import annotations

DOCUMENTATION = """
module: fleetpolicy_agent
short_description: Look at a host, change or measure it, or boot a simulated one
description:
  - An action plugin of the same name sends the agent in one round trip. This module does the same
    work where the connection cannot take a program on standard input.
options:
  verb:
    description: What to do.
    type: str
    choices: [look, apply, install, measure, reboot]
    required: true
  root:
    description: The folder that stands for / on a simulated host; / on any other.
    type: path
    default: /
  bundle:
    description: What to apply. In a playbook, give bundles instead; the action plugin reads it.
    type: dict
  modules:
    description: >-
      Kernel modules to install. In a playbook, release and path each; the action plugin reads them.
    type: list
    elements: dict
  devices:
    description: PCI addresses to measure, each with the BARs that are meant, none for all of them.
    type: dict
  check:
    description: Write nothing, and say what would be done. Set by the action plugin.
    type: bool
    default: false
  diff:
    description: Show how contents change. Set by the action plugin.
    type: bool
    default: false
author: The authors of fleetpolicy
"""

EXAMPLES = """
- name: Look at the host
  fleetpolicy_agent:
    verb: look

- name: Apply the host's bundle
  fleetpolicy_agent:
    verb: apply
    bundles: "{{ fleetpolicy_bundles }}"

- name: Install kernel modules
  fleetpolicy_agent:
    verb: install
    modules: [{release: 6.12.107+deb13-arm64, path: modules/6.12.107+deb13-arm64/x.ko}]
"""

RETURN = """
status:
  description: ok, changed, unchanged, stale or failed.
  type: str
  returned: always
record:
  description: What was found on the host; the action plugin returns it as JSON text.
  type: dict
  returned: for look and measure; for apply unless the host has to boot
"""

from ansible.module_utils.basic import AnsibleModule  # noqa: E402 Ansible wants documentation first
from ansible.module_utils.fleetpolicy_agent.main import answer  # noqa: E402

VERBS = ["look", "apply", "install", "measure", "reboot"]


def main() -> None:
    """Answer one request."""
    module = AnsibleModule(
        argument_spec={
            "verb": {"type": "str", "choices": VERBS, "required": True},
            "root": {"type": "path", "default": "/"},
            "bundle": {"type": "dict"},
            "modules": {"type": "list", "elements": "dict"},
            "devices": {"type": "dict"},
            "check": {"type": "bool", "default": False},
            "diff": {"type": "bool", "default": False},
        },
        # Contents of files are nobody's business in the host's system log.
        no_log=True,
        supports_check_mode=True,
    )
    request = dict(module.params)
    request["check"] = request["check"] or module.check_mode
    reply = answer(request)
    # The name is Ansible's for something else; the action plugin knows both.
    reply["paths"] = reply.pop("changed", [])
    module.exit_json(changed=reply["status"] == "changed", **reply)


if __name__ == "__main__":
    main()
