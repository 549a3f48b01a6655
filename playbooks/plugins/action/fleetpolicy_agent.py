# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the agent on a host in one round trip: a program goes in, one JSON reply comes back."""

import base64
import json
import shlex
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

UTILITIES = "ansible.module_utils"
AGENT, PROBE = "fleetpolicy_agent", "fleetpolicy_probe"
SOURCES = Path(__file__).resolve().parents[2] / "module_utils"
GOOD = ("ok", "changed", "unchanged")
# Neither the user's environment nor site packages can get in the way.
FLAGS = "-I -S -"

BOOTSTRAP = """
import binascii, io, json, sys, zlib
from importlib.machinery import ModuleSpec
unpack = lambda text: zlib.decompress(binascii.a2b_base64(text)).decode()
sources = json.loads(unpack("%(sources)s"))
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return ModuleSpec(name, self, is_package=name in %(packages)r)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name], name, "exec", dont_inherit=True), module.__dict__)
sys.meta_path.insert(0, Finder())
sys.stdin = io.StringIO(unpack("%(request)s"))
from %(package)s.main import main
main()
"""


def _pack(text: str) -> str:
    return _pack_bytes(text.encode())


def _pack_bytes(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _module(release: str, path: str) -> dict[str, str]:
    """Return a kernel module as the agent takes it."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AnsibleActionFail(f"{path}: {error.strerror}") from error
    return {"release": release, "name": Path(path).name, "content": _pack_bytes(data)}


@cache
def _sources(parts: tuple[str, ...]) -> str:
    """Return the modules of some packages, packed once for all hosts of a run."""
    packages = dict.fromkeys(_packages(parts), "")
    modules = {
        f"{UTILITIES}.{part}.{path.stem}": path.read_text(encoding="utf-8")
        for part in parts
        for path in sorted((SOURCES / part).glob("*.py"))
        if path.stem != "__init__"
    }
    return _pack(json.dumps(packages | modules))


def _packages(parts: tuple[str, ...]) -> tuple[str, ...]:
    return ("ansible", UTILITIES, *(f"{UTILITIES}.{part}" for part in parts))


def program(request: dict[str, Any]) -> str:
    """Return a program that answers a request; it needs nothing but a Python on the host."""
    parts = (AGENT, PROBE) if request["verb"] == "measure" else (AGENT,)
    return BOOTSTRAP % {
        "sources": _sources(parts),
        "packages": _packages(parts),
        "request": _pack(json.dumps(request)),
        "package": f"{UTILITIES}.{AGENT}",
    }


class ActionModule(ActionBase):
    """Look at a host, change or measure it, or boot it where it is simulated."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = True
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"verb", "root", "bundles", "modules", "booted_after"})

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what the agent says, in the form of a task's result."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        request = self._request(str(task_vars["inventory_hostname"]))
        if getattr(self._connection, "has_pipelining", False):
            reply = self._send(request, task_vars)
        else:
            reply = self._execute_module("fleetpolicy_agent", request, task_vars=task_vars)
            if "status" not in reply:
                return result | reply
            reply["changed"] = reply.pop("paths")
        return result | self._judge(reply)

    def _request(self, host: str) -> dict[str, Any]:
        """Return the request; bundles are read here, so that no template ever sees a content."""
        arguments = self._task.args
        request = {"verb": str(arguments["verb"]), "root": str(arguments.get("root", "/"))}
        if request["verb"] == "install":
            check = bool(self._task.check_mode)
            try:
                modules = [_module(item["release"], item["path"]) for item in arguments["modules"]]
            except (KeyError, TypeError) as error:
                raise AnsibleActionFail("modules: give a list of release and path each") from error
            return {**request, "check": check, "modules": modules}
        if request["verb"] not in {"apply", "measure"}:
            return request
        path = Path(str(arguments["bundles"])) / f"{host}.json"
        try:
            bundle = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"{host} has no bundle: {error}") from error
        if request["verb"] == "measure":
            return {**request, **bundle}
        modes = {"check": bool(self._task.check_mode), "diff": bool(self._task.diff)}
        return {**request, **modes, "bundle": bundle}

    def _send(self, request: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        chosen = str(task_vars.get("ansible_python_interpreter") or "auto")
        python = "python3" if chosen.startswith("auto") or "{{" in chosen else shlex.quote(chosen)
        done = self._low_level_execute_command(
            f"{python} {FLAGS}", in_data=program(request).encode()
        )
        # A login shell or sudo may have printed something before.
        lines = [line for line in done["stdout"].splitlines() if line.startswith('{"')]
        if done["rc"] or not lines:
            said = (done["stderr"] or done["stdout"]).strip()[-1000:]
            why = f"{python} ended with {done['rc']}: {said}" if said else "no reply"
            return {"status": "failed", "message": f"the agent did not run: {why}"}
        reply: dict[str, Any] = json.loads(lines[-1])
        return reply

    def _judge(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return a reply as a result; the record stays one text, which is cheap to hand on."""
        record = reply.get("record")
        result = {
            "changed": reply["status"] == "changed" or self._task.args["verb"] == "reboot",
            "failed": reply["status"] not in GOOD,
            "status": reply["status"],
            "msg": reply.get("message", ""),
            "paths": reply.get("changed", []),
            "needs_reboot": bool(reply.get("needsReboot")),
            "boot_id": reply.get("bootId", ""),
        }
        if record:
            result["record"] = json.dumps(record, separators=(",", ":"), sort_keys=True)
            result["boot_id"] = record["identity"]["bootId"]
        if reply.get("measurement"):
            result["measurement"] = json.dumps(reply["measurement"])
        if reply.get("diff"):
            result["diff"] = [{"prepared": text} for text in reply["diff"]]
        before = self._task.args.get("booted_after")
        if before and result["boot_id"] == before:
            result |= {
                "failed": True,
                "msg": f"the host did not boot: its boot id is still {before}",
            }
        return result
