import { GraftError } from "@graft/core";
import type { Database, OutboxEntry } from "@graft/sqlite";
import type { Command, Invocation } from "../command.ts";
import { REPLICA_FLAGS } from "../flags.ts";
import { openDatabaseOf } from "../replica/open-database-of.ts";
import { openReplica, openTagged } from "../replica/open-replica.ts";
import { UsageError } from "../usage-error.ts";

type Action = (database: Database, id: string, invocation: Invocation) => Promise<void>;

const ACTIONS: Readonly<Record<string, Action>> = { show, retry, discard };

/** `graft outbox TAG [list]`, `graft outbox TAG show|retry|discard ID`. */
export const outbox: Command = {
  name: "outbox",
  summary: "transactions that could not be run again: list, show, retry or discard them",
  positionals: "TAG [list | show ID | retry ID | discard ID]",
  positionalCount: { min: 1, max: 3 },
  flags: REPLICA_FLAGS,
  async run(invocation) {
    const { positionals, signal, surroundings } = invocation;
    const [tag = "", verb = "list", id] = positionals;
    const action = Object.hasOwn(ACTIONS, verb) ? ACTIONS[verb] : undefined;
    if (verb !== "list" && action === undefined) {
      throw new UsageError(`graft outbox does list, show, retry and discard, not "${verb}"`);
    }
    if ((action === undefined) !== (id === undefined)) {
      throw new UsageError(`graft outbox ${verb} takes ${action === undefined ? "no" : "an"} id`);
    }
    await using replica = await openReplica(invocation, "existing");
    const volume = await openTagged(replica, tag, signal);
    await using database = await openDatabaseOf(volume, replica, surroundings);
    await (action === undefined
      ? list(database, invocation)
      : action(database, id ?? "", invocation));
  },
};

async function list(database: Database, { output }: Invocation): Promise<void> {
  const entries = await database.outbox.list();
  if (entries.length === 0) output.note("the outbox is empty");
  for (const { statements, ...entry } of entries) {
    const facts = { ...entry, statements: statements?.length };
    output.row(facts, `${describe(entry)}${countOf(statements)}`);
  }
}

async function show(database: Database, id: string, { output }: Invocation): Promise<void> {
  const entry = (await database.outbox.list()).find((one) => one.id === id);
  if (entry === undefined) throw missing(id);
  const lines = (entry.statements ?? []).map(
    ({ sql, parameters }) =>
      `  ${sql.trim()}${parameters.length > 0 ? `  ${values(parameters)}` : ""}`,
  );
  output.result(entry, [describe(entry), ...lines].join("\n"));
}

async function retry(
  database: Database,
  id: string,
  { output, signal }: Invocation,
): Promise<void> {
  const outcome = await database.outbox.retry(id, { signal });
  if (outcome.kind === "rejected") throw new GraftError("rejected", `${id}: ${outcome.message}`);
  output.result({ id, done: true }, `${id}: done; graft push sends it`);
}

async function discard(
  database: Database,
  id: string,
  { output, signal }: Invocation,
): Promise<void> {
  if (!(await database.outbox.discard(id, { signal }))) throw missing(id);
  output.result({ id, discarded: true }, `${id}: discarded`);
}

function describe({ id, name, message, error }: Omit<OutboxEntry, "statements">): string {
  const label = name ?? message;
  const at = new Date(error.atMs).toISOString();
  return `${id}  ${at}${label === undefined ? "" : `  ${label}`}  ${error.code}: ${error.message}`;
}

function countOf(statements: OutboxEntry["statements"]): string {
  return statements === undefined ? "" : `  (${statements.length} statement(s))`;
}

function values(parameters: readonly unknown[]): string {
  return JSON.stringify(parameters, (_key, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? `x'${Buffer.from(value).toString("hex")}'` : value;
  });
}

function missing(id: string): GraftError {
  return new GraftError(
    "not-found",
    `no transaction "${id}" in the outbox: graft outbox lists them`,
  );
}
