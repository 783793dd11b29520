"""Homes of agents: one folder with all their files, set up so that none asks for an account, trust or a look around."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

DEAD = "http://127.0.0.1:9"
"""A proxy that answers nobody: whatever still wants the network fails at once."""


class Home(NamedTuple):
    """`root` holds the agent's home, its project's directory `app` and its temporary files."""

    root: Path
    model: str
    """The scripted model's URL, without `/v1`."""

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def project(self) -> Path:
        return self.root / "app"

    def env(self, agent: str) -> dict[str, str]:
        """Nothing of the caller's but PATH; Codex wants its home outside of TMPDIR."""
        home = self.home
        common = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(home),
            "TMPDIR": str(self.root / "tmp"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "SENTRYVIBE_RUNTIME_DIR": str(self.root / "run"),
            "PYTHONUTF8": "1",
            "HTTP_PROXY": DEAD,
            "HTTPS_PROXY": DEAD,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return common | _ENV[agent](self)

    def prepare(self, agent: str) -> None:
        for name in ("home", "app", "tmp", "run"):
            (self.root / name).mkdir(parents=True, mode=0o700, exist_ok=True)
        _PREPARE[agent](self)


def _save(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def _claude_env(home: Home) -> dict[str, str]:
    quiet = (
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL",
        "DISABLE_AUTOUPDATER",
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
        "CLAUDE_CODE_ENABLE_TODO_TOOLS",
    )
    return {
        **dict.fromkeys(quiet, "1"),
        "ENABLE_TOOL_SEARCH": "false",  # else tools are offered on demand only
        "ANTHROPIC_BASE_URL": home.model,
        "ANTHROPIC_AUTH_TOKEN": "none",
    }


def _claude(home: Home) -> None:
    project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True, "projectOnboardingSeenCount": 9}
    seen = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": "2.1.332",
        "theme": "dark",
        "numStartups": 9,
        "autoUpdates": False,
        "hasSeenAutoDefaultNudge": True,
        "hasSeenTasksHint": True,
    }
    _save(home.home / ".claude.json", {**seen, "projects": {str(home.project): project}})
    _save(home.home / ".claude" / "settings.json", {"permissions": {"defaultMode": "default", "allow": ["Bash(sh:*)"]}})


def _codex_env(home: Home) -> dict[str, str]:
    return {"CODEX_HOME": str(home.home / ".codex"), "MODEL_KEY": "none"}


def _codex(home: Home) -> None:
    _save(
        home.home / ".codex" / "config.toml",
        f"""model = "mock-model"
model_provider = "mock"
model_context_window = 200000
check_for_update_on_startup = false
suppress_unstable_features_warning = true
approval_policy = "on-request"
sandbox_mode = "workspace-write"
[sandbox_workspace_write]
exclude_slash_tmp = true
[model_providers.mock]
name = "mock"
base_url = "{home.model}/v1"
wire_api = "responses"
env_key = "MODEL_KEY"
requires_openai_auth = false
[analytics]
enabled = false
[projects."{home.project}"]
trust_level = "trusted"
[tools.update_plan]
enabled = true
[features]
default_mode_request_user_input = true
""",
    )


def _opencode_env(home: Home) -> dict[str, str]:
    off = ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD", "SHARE")
    return {f"OPENCODE_DISABLE_{name}": "1" for name in off}


def _opencode(home: Home) -> None:
    model = {
        "name": "Mock",
        "limit": {"context": 200000, "output": 8000},
        "tool_call": True,
        "cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Mock",
        "options": {"baseURL": f"{home.model}/v1", "apiKey": "none"},
        "models": {"mock-model": model},
    }
    asks = {"bash": {"*": "allow", "touch *": "ask"}, "edit": "allow"}
    config = {"autoupdate": False, "share": "disabled", "permission": asks, "provider": {"mock": provider}}
    models = {"model": "mock/mock-model", "small_model": "mock/mock-model"}
    _save(home.home / ".config" / "opencode" / "opencode.json", config | models)


def _copilot_env(home: Home) -> dict[str, str]:
    provider = {"BASE_URL": f"{home.model}/v1", "API_KEY": "none"}
    return {
        **{f"COPILOT_PROVIDER_{name}": value for name, value in provider.items()},
        "COPILOT_OFFLINE": "true",
        "COPILOT_MODEL": "mock-model",
        "COPILOT_AUTO_UPDATE": "false",
    }


def _copilot(home: Home) -> None:
    _save(home.home / ".copilot" / "config.json", {"trusted_folders": [str(home.project)], "banner": "never"})


_ENV: dict[str, Callable[[Home], dict[str, str]]] = {
    "claude": _claude_env,
    "codex": _codex_env,
    "opencode": _opencode_env,
    "copilot": _copilot_env,
}
_PREPARE: dict[str, Callable[[Home], None]] = {
    "claude": _claude,
    "codex": _codex,
    "opencode": _opencode,
    "copilot": _copilot,
}
