"""Our plugin for opencode, one file in its plugin folder: leaves what happens in the spool, and asks nobody.

It waits for nothing and never fails: without a server its notes lie in the spool (hooks/spool.py), which has an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...wire.json import encode
from ..common.hook_settings import HookSettings, OwnFile

NAME = "sentryvibe-tui.js"
MARK = "// sentryvibe-tui: `hooks remove opencode` takes this file away."
"""First line of our file: by it we know it again."""


def _file(home: Path, project: Path | None, environ: Mapping[str, str]) -> Path:
    """The user's, or that of a project's directory. XDG_CONFIG_HOME moves the user's."""
    moved = environ.get("XDG_CONFIG_HOME", "").strip()
    folder = project / ".opencode" if project else (Path(moved) if moved else home / ".config") / "opencode"
    return folder / "plugin" / NAME


def content(spool: str) -> str:
    """The file, for the spool in this folder."""
    return _SCRIPT.replace("@MARK@", MARK).replace("@SPOOL@", encode(spool).decode())


_SCRIPT = """\
@MARK@
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const FOLDER = @SPOOL@
const KINDS = new RegExp(
  "^(session[.](created|updated|idle|status|error)|message[.](part[.])?updated|todo[.]updated|(permission|question)[.])"
)
const LIMIT = 20000, CHECK = 64

export const SentryvibeTui = async ({ directory }) => {
  const roots = new Map(), told = new Map(), seen = new Set()
  let notes = 0

  const root = (id) => (roots.has(id) ? root(roots.get(id)) : id)

  function put(session, event) {
    if (existsSync(join(FOLDER, "full"))) return
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 })
    const time = String(BigInt(Date.now()) * 1000000n + BigInt(notes % 1000000)).padStart(20, "0")
    const name = join(FOLDER, `${time}-${process.pid}`)
    const note = { session_id: session, cwd: directory, hook_event_name: event.type, event }
    writeFileSync(name, JSON.stringify(note), { mode: 0o600, flag: "wx" })
    renameSync(name, `${name}.opencode`)
    if (++notes % CHECK === 0 && readdirSync(FOLDER).length > LIMIT)
      writeFileSync(join(FOLDER, "full"), "", { mode: 0o600 })
  }

  // A part is told when it says something new: a call by its state, a text when it is whole.
  function isNews(part) {
    if (!part) return true
    if (part.type === "text" || part.type === "reasoning") {
      if (part.time?.start && !part.time?.end) return false
    } else if (part.type !== "tool" && part.type !== "step-finish") return false
    const state = part.state
    const call = () => [state.status, JSON.stringify(state.input ?? {}).length, state.metadata?.sessionId].join(" ")
    const now = state ? call() : part.text ?? ""
    if (told.get(part.id) === now) return false
    told.set(part.id, now)
    return true
  }

  process.on("exit", () => {
    try {
      for (const session of seen)
        put(session, { type: "server.instance.disposed", properties: { directory } })
    } catch {}
  })

  return {
    event: async ({ event }) => {
      try {
        const given = event?.properties ?? {}, info = given.info ?? {}
        if (!KINDS.test(event?.type ?? "")) return
        const own = given.sessionID ?? given.part?.sessionID ?? info.sessionID ?? info.id
        if (typeof own !== "string") return
        if (info.parentID && event.type.startsWith("session.")) roots.set(own, info.parentID)
        if (event.type === "message.part.updated" && !isNews(given.part)) return
        if (event.type === "session.idle") told.clear()
        seen.add(root(own))
        put(root(own), event)
      } catch {}
    },
  }
}
"""

HOOK_SETTINGS = HookSettings(_file, OwnFile(MARK, content))
