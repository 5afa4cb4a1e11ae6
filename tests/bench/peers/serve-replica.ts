/** The other end of `replica.ts`, for replicas that are written in TypeScript. */
import { createInterface } from "node:readline";
import type { ReplicaAnswer, ReplicaRequest, SqlValue } from "./replica.ts";

/** What a library is asked for. */
export interface ReplicaLibrary {
  open(): Promise<void>;
  /** Rows as arrays or as objects; only their count and the first value are looked at. */
  query(sql: string, values: readonly SqlValue[]): Promise<readonly unknown[]>;
  /** Absent, as what follows: it only reads. */
  execute?(sql: string, values: readonly SqlValue[]): Promise<void>;
  /** One statement again and again, in one transaction. */
  executeAll?(sql: string, values: readonly (readonly SqlValue[])[]): Promise<void>;
  push?(): Promise<void>;
  pull?(): Promise<void>;
}

/** Serves until stdin ends. */
export async function serveReplica(library: ReplicaLibrary): Promise<void> {
  say({ ms: 0 });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(library, JSON.parse(line) as ReplicaRequest));
    } catch (error) {
      say({ ms: 0, error: error instanceof Error ? error.message : String(error) });
    }
  }
}

async function answer(library: ReplicaLibrary, request: ReplicaRequest): Promise<ReplicaAnswer> {
  const start = performance.now();
  const rows = await run(library, request);
  const ms = performance.now() - start;
  return rows === undefined ? { ms } : { ms, rowCount: rows.length, first: firstOf(rows[0]) };
}

async function run(
  library: ReplicaLibrary,
  request: ReplicaRequest,
): Promise<readonly unknown[] | undefined> {
  switch (request.do) {
    case "open":
      await library.open();
      return undefined;
    case "query":
      return await library.query(request.sql, request.values);
    case "execute":
      await library.execute?.(request.sql, request.values);
      return undefined;
    case "insert":
      await insert(library, request);
      return undefined;
    case "push":
      await library.push?.();
      return undefined;
    case "pull":
      await library.pull?.();
      return undefined;
  }
}

async function insert(
  library: ReplicaLibrary,
  { from, count, isOneTransaction }: Extract<ReplicaRequest, { do: "insert" }>,
): Promise<void> {
  const rows = Array.from({ length: count }, (_, at) => {
    return [from + at, `key ${from + at}`, textOf(from + at)];
  });
  if (isOneTransaction) await library.executeAll?.(INSERT, rows);
  else for (const row of rows) await library.execute?.(INSERT, row);
}

const INSERT = "INSERT INTO kv(id, k, v) VALUES(?, ?, ?)";

/** About 80 characters. */
function textOf(id: number): string {
  return `value ${id} `.padEnd(80, "abcdefghij");
}

function firstOf(row: unknown): string | number | null {
  if (row === undefined || row === null) return null;
  const value: unknown = Object.values(row)[0];
  if (typeof value === "bigint") return Number(value);
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function say(answer: ReplicaAnswer & { readonly error?: string }): void {
  process.stdout.write(`@${JSON.stringify(answer)}\n`);
}
