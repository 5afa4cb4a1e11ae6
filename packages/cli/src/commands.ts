import type { Command } from "./command.ts";

/** Every verb, in the order in which a person meets them. Each is loaded when it is used. */
const VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./commands/demo.ts")).demo,
  start: async () => (await import("./commands/start.ts")).start,
  serve: async () => (await import("./commands/serve.ts")).serve,
  metastore: async () => (await import("./commands/metastore.ts")).metastore,
  pagestore: async () => (await import("./commands/pagestore.ts")).pagestore,
  import: async () => (await import("./commands/import.ts")).importCommand,
  clone: async () => (await import("./commands/clone.ts")).clone,
  sql: async () => (await import("./commands/sql.ts")).sql,
  push: async () => (await import("./commands/push.ts")).push,
  pull: async () => (await import("./commands/pull.ts")).pull,
  status: async () => (await import("./commands/status.ts")).status,
  log: async () => (await import("./commands/log.ts")).log,
  fetch: async () => (await import("./commands/fetch.ts")).fetch,
  hydrate: async () => (await import("./commands/hydrate.ts")).hydrate,
  rebase: async () => (await import("./commands/rebase.ts")).rebase,
  outbox: async () => (await import("./commands/outbox.ts")).outbox,
  reset: async () => (await import("./commands/reset.ts")).reset,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  inspect: async () => (await import("./commands/inspect.ts")).inspect,
  fsck: async () => (await import("./commands/fsck.ts")).fsck,
  token: async () => (await import("./commands/token.ts")).token,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  bench: async () => (await import("./commands/bench.ts")).bench,
};

/** Verbs that people do not type. */
const HIDDEN_VERBS: typeof VERBS = {
  "demo-replica": async () => (await import("./commands/demo-replica.ts")).demoReplica,
};

/** The command of a verb; undefined when there is none. */
export async function findCommand(verb: string): Promise<Command | undefined> {
  const verbs = { ...HIDDEN_VERBS, ...VERBS };
  return Object.hasOwn(verbs, verb) ? await verbs[verb]?.() : undefined;
}

/** All commands that people type. */
export function loadCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(VERBS).map((load) => load()));
}
