// A publisher and a watcher in JavaScript, written from docs/protocol.md alone.
// For Node 22 (20 with --experimental-websocket).
//
//     node client.mjs publish http://127.0.0.1:4777 my-project < events.jsonl    an event object a line
//     node client.mjs watch   http://127.0.0.1:4777 my-project                   a JSON line per update, then the end
//
// SENTRYVIBE_TOKEN is sent as the bearer's token.

import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { setTimeout as sleep } from "node:timers/promises";

const token = process.env.SENTRYVIBE_TOKEN;
const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
const print = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const pause = (attempt) => Math.min(1000 * 2 ** attempt, 30_000) + Math.random() * 1000; // protocol.md#reconnecting

// --------------------------------------------------------------------------- publishing (protocol.md#posting-events)

class Refused extends Error {}

async function post(url, body) {
  for (let attempt = 0; ; attempt++) {
    try {
      const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
      if (answer.ok) return await answer.json();
      if (![408, 429].includes(answer.status) && answer.status < 500) throw new Refused(await answer.text());
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    await sleep(pause(attempt)); // the same event with the same id: a repeat changes nothing
  }
}

async function publish(base, projectId) {
  const sessionId = randomUUID();
  const beat = { projectId, sessionId, outbox: 0 };
  const heart = setInterval(() => post(`${base}/api/build-heartbeats`, beat).catch(() => {}), 5000);
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const about = { projectId, sessionId, agentId: "my-agent" };
    const identity = { eventId: `js:${++number}`, at: new Date().toISOString() };
    print(await post(`${base}/api/build-events`, { ...about, ...identity, event: JSON.parse(line) }));
  }
  clearInterval(heart);
}

// --------------------------------------------------------------------------- the state (protocol.md#updates)

const OPEN = ["input-streaming", "input-available"];

class Build {
  constructor(id = "", version = 0) {
    Object.assign(this, { id, version, status: "active", activity: null, agent: {}, todos: [] });
    Object.assign(this, { tools: new Map(), texts: new Map() });
  }

  static of(state) {
    const build = new Build(state.id, state.stateVersion);
    build.status = state.status;
    build.activity = state.activity;
    const { agentId, claudeModelId, projectName, title } = state;
    build.agent = { agentId, claudeModelId, projectName, title };
    build.todos = state.todos;
    const tools = [...(state.planningTools ?? []), ...Object.values(state.toolsByTodo).flat()];
    for (const tool of tools.sort((one, other) => one.seq - other.seq)) build.tools.set(tool.id, tool);
    for (const note of Object.values(state.textByTodo).flat()) build.texts.set(note.id, note.text);
    return build;
  }

  apply({ type, data }) {
    if (type === "build-started") this.status = "active";
    else if (type === "agent") Object.assign(this.agent, data);
    else if (type === "todos-update" && data.phase !== "template") this.todos = data.todos;
    else if (type === "tool-call") this.call(data);
    else if (type === "text" && (data.kind ?? "text") === "text") this.text(data);
    else if (type === "activity") this.activity = data;
    else if (type === "turn-ended") this.cut((tool) => !tool.background);
    else if (type === "tool-background") this.move(data);
    else if (type === "build-complete") {
      this.status = data.outcome ?? data.status;
      this.cut(() => true);
    }
  }

  call({ state, ...fields }) {
    const known = this.tools.get(fields.id);
    const stays = known && OPEN.includes(state) && ["output-available", "error"].includes(known.state);
    const name = known?.name || fields.name;
    this.tools.set(fields.id, { ...known, ...fields, name, state: stays ? known.state : state });
  }

  move(data) {
    this.tools.set(data.id, { ...this.tools.get(data.id), ...data, state: "input-available", background: true });
  }

  text({ id, text, delta }) {
    this.texts.set(id, text ?? (this.texts.get(id) ?? "") + delta);
  }

  cut(which) {
    for (const tool of this.tools.values()) {
      if (OPEN.includes(tool.state) && which(tool)) tool.state = "interrupted";
    }
  }
}

// --------------------------------------------------------------------------- watching (protocol.md#watch-link)

class Watcher {
  constructor(base, project) {
    Object.assign(this, { base, project, epoch: "", build: new Build(), isForeign: false, lack: false, socket: null });
  }

  /** Follows the project until its build has ended; comes back after every break. */
  async run() {
    for (let failures = 0; failures < 10; failures++) {
      const outcome = await this.connect(() => (failures = 0));
      if (outcome === "over") return this.build;
      if (outcome === "final") break;
      await sleep(pause(failures));
    }
    return null;
  }

  url() {
    const { id, version, at } = this.build;
    const place = id ? { buildId: id, since: version, epoch: this.epoch, ...(at ? { at } : {}) } : {};
    const query = new URLSearchParams({ projectId: this.project, protocol: "2", ...place });
    return `${this.base.replace(/^http/, "ws")}/ws?${query}`;
  }

  connect(onHealthy) {
    return new Promise((resolve) => {
      const socket = (this.socket = new WebSocket(this.url(), token ? { headers } : {}));
      let timer;
      const alive = () => {
        clearTimeout(timer); // pings are answered beneath us, so only frames count here: one comes every 5 s of a build
        timer = setTimeout(() => end("lost"), 75_000);
      };
      const end = (outcome) => {
        clearTimeout(timer);
        socket.onclose = socket.onmessage = socket.onerror = null;
        socket.close();
        resolve(outcome);
      };
      socket.binaryType = "arraybuffer";
      socket.onerror = () => end("lost");
      socket.onclose = ({ code }) => end([4401, 4403, 4404].includes(code) ? "final" : "lost");
      socket.onmessage = ({ data }) => {
        alive();
        onHealthy();
        this.frame(JSON.parse(typeof data === "string" ? data : gunzipSync(Buffer.from(data)).toString()));
        if (this.build.version && this.build.status !== "active" && !this.lack) end("over");
      };
      alive();
    });
  }

  ask(buildId, since) {
    this.lack = true;
    this.socket.send(JSON.stringify({ type: "get-state", ...(buildId ? { buildId, since, epoch: this.epoch } : {}) }));
  }

  frame(frame) {
    if (frame.epoch && frame.epoch !== this.epoch) {
      this.isForeign = this.epoch !== ""; // versions of another log mean nothing (protocol.md#epoch)
      this.epoch = frame.epoch;
    }
    if (frame.type === "batch-update") this.batch(frame);
    else if (frame.type === "state-recovery") this.recovery(frame);
    else if (frame.type === "heartbeat") this.mark(frame);
  }

  batch({ buildId, updates }) {
    for (const entry of grouped(updates)) {
      const { version, timestamp } = entry[0];
      if (buildId !== this.build.id) {
        if (version !== 1) {
          this.ask(); // another build is meant by now
          return;
        }
        this.build = new Build(buildId);
      }
      if (version <= this.build.version) continue;
      if (version > this.build.version + 1) {
        this.ask(this.build.id, this.build.version); // a gap (protocol.md#versions)
        return;
      }
      for (const update of entry) {
        this.build.apply(update);
        print(update);
      }
      Object.assign(this.build, { version, at: timestamp });
      this.lack = false;
    }
  }

  recovery({ state }) {
    const isKnown = state?.id === this.build.id && !this.isForeign;
    if (!state || (isKnown && state.stateVersion < this.build.version)) return;
    this.build = Build.of(state);
    this.isForeign = this.lack = false;
    print({ type: "state", version: this.build.version });
  }

  mark({ buildId, version }) {
    this.socket.send('{"type":"heartbeat"}');
    if (!buildId) return;
    if (buildId !== this.build.id || this.isForeign) this.ask();
    else if (version > this.build.version) this.ask(buildId, this.build.version); // one was lost (protocol.md#marks)
  }
}

function* grouped(updates) {
  let entry = [];
  for (const update of updates) {
    if (entry.length && entry[0].version !== update.version) {
      yield entry;
      entry = [];
    }
    entry.push(update);
  }
  if (entry.length) yield entry;
}

async function watch(base, project) {
  const build = await new Watcher(base, project).run();
  if (!build) return 3;
  const { status, version, activity, agent, todos } = build;
  const tools = [...build.tools.values()].map(({ id, name, state }) => ({ id, name, state }));
  print({ type: "end", status, version, activity, agent, todos, tools, texts: Object.fromEntries(build.texts) });
  return status === "completed" ? 0 : 1;
}

const [command, base, project] = process.argv.slice(2);
process.exitCode = (await { publish, watch }[command](base.replace(/\/+$/, ""), project)) ?? 0;
