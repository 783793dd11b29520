"""The agents' npm packages, in pinned versions, in a cache that outlives the tests.

`SENTRYVIBE_TEST_REAL` is the cache's folder, or `1` for one in the user's cache folder; without it none is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import platformdirs

SWITCH = "SENTRYVIBE_TEST_REAL"
INSTALL_LIMIT = 240
"""Seconds for one agent; they are 190 to 420 MB each."""


class Package(NamedTuple):
    name: str
    version: str
    program: str


PACKAGES = {
    "claude": Package("@anthropic-ai/claude-code", "2.1.332", "claude"),
    "codex": Package("@openai/codex", "0.171.0", "codex"),
    "opencode": Package("opencode-ai", "1.18.33", "opencode"),
    "copilot": Package("@github/copilot", "1.0.102", "copilot"),
}


class Missing(Exception):
    """Why there is no such agent here."""


def cache(switch: str) -> Path:
    if switch in ("", "0"):
        raise Missing(f"{SWITCH} is not set (1, or a folder for the agents' npm packages)")
    return Path(platformdirs.user_cache_dir("sentryvibe-tui-tests")) if switch == "1" else Path(switch).resolve()


def program(agent: str, folder: Path) -> Path:
    """The agent's command, installed when it is not there in this version; a second process waits for the first."""
    package, place = PACKAGES[agent], folder / agent
    command = place / "node_modules" / ".bin" / package.program
    if _installed(place, package) and command.exists():
        return command
    for tool in ("npm", "node"):
        if shutil.which(tool) is None:
            raise Missing(f"no {tool} to install {agent} with")
    _install(place, package)
    return command


def _installed(place: Path, package: Package) -> bool:
    try:
        told = (place / "node_modules" / package.name / "package.json").read_text()
    except OSError:
        return False
    return f'"version": "{package.version}"' in told or f'"version":"{package.version}"' in told


def _install(place: Path, package: Package) -> None:
    place.mkdir(parents=True, exist_ok=True)
    asked = [
        "npm",
        "install",
        "--prefix",
        str(place),
        "--no-fund",
        "--no-audit",
        "--loglevel=error",
        f"{package.name}@{package.version}",
    ]
    env = {**os.environ, "npm_config_cache": str(place.parent / ".npm"), "npm_config_update_notifier": "false"}
    try:
        done = subprocess.run(asked, env=env, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"npm did not install {package.name} within {INSTALL_LIMIT} s") from None
    if done.returncode:
        raise Missing(f"npm cannot install {package.name}: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":  # fills the cache before the tests, so that they measure agents and not npm
    for _agent in PACKAGES:
        print(program(_agent, cache(os.environ.get(SWITCH, "1"))))
