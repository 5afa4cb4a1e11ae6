import { encodeHex } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import { nextSqlStep, type SqlStep } from "./random-sql.ts";

/** A database as a history sees it. Rows are arrays; integers are bigints. */
export interface SqlSubject {
  readonly name: string;
  exec(sql: string): Promise<void>;
  all(sql: string): Promise<readonly (readonly unknown[])[]>;
  reopen(): Promise<void>;
}

export interface SqlHistory {
  readonly random: SeededRandom;
  readonly stepCount: number;
  readonly subjects: readonly SqlSubject[];
  /** Called before each step: a place for syncs, evictions, faults. */
  readonly between?: (step: number) => Promise<void>;
}

/** What one subject says to one step. */
type Outcome =
  | { readonly kind: "rows"; readonly rows: readonly (readonly unknown[])[] }
  | { readonly kind: "failed"; readonly primaryCode: number };

/**
 * Runs one random history on all subjects. Throws with the step and the history when two disagree.
 */
export async function runSqlHistory(history: SqlHistory): Promise<void> {
  const done: string[] = [];
  for (let at = 0; at < history.stepCount; at++) {
    await history.between?.(at);
    const step = nextSqlStep(history.random);
    done.push(step.kind === "reopen" ? "-- reopen" : `${step.sql};`);
    await mustAgree(history.subjects, step, done);
  }
  done.push("-- end: all tables");
  for (const sql of await contentQueries(history.subjects)) {
    await mustAgree(history.subjects, { kind: "query", sql }, done);
  }
}

/** Queries that together say everything a database holds. */
export async function contentQueries(subjects: readonly SqlSubject[]): Promise<readonly string[]> {
  const schema = "select type, name, tbl_name, sql from sqlite_schema order by name";
  const tables = await subjects[0]?.all("select name from sqlite_schema where type = 'table'");
  return [schema, ...(tables ?? []).map(([name]) => `select * from "${name}" order by 1, 2, 3, 4`)];
}

async function mustAgree(
  subjects: readonly SqlSubject[],
  step: SqlStep,
  done: readonly string[],
): Promise<void> {
  let expected: string | undefined;
  for (const subject of subjects) {
    const outcome = describe(await perform(subject, step));
    expected ??= outcome;
    if (outcome === expected) continue;
    throw new Error(
      `step ${done.length}: "${subject.name}" says\n${shorten(outcome)}\nwhere ` +
        `"${subjects[0]?.name}" says\n${shorten(expected)}\nafter\n${done.slice(-40).join("\n")}`,
    );
  }
}

async function perform(subject: SqlSubject, step: SqlStep): Promise<Outcome> {
  try {
    switch (step.kind) {
      case "reopen":
        await subject.reopen();
        return { kind: "rows", rows: [] };
      case "exec":
        await subject.exec(step.sql);
        return { kind: "rows", rows: [] };
      case "query":
        return { kind: "rows", rows: await subject.all(step.sql) };
    }
  } catch (error) {
    return { kind: "failed", primaryCode: primaryCodeOf(error) };
  }
}

/** Ours calls it `code`, `node:sqlite` calls it `errcode`. Anything else is no answer. */
function primaryCodeOf(error: unknown): number {
  if (error instanceof Error) {
    if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff;
    if ("code" in error && typeof error.code === "number") return error.code & 0xff;
  }
  throw error;
}

function describe(outcome: Outcome): string {
  return JSON.stringify(outcome, (_key, value: unknown) => {
    if (typeof value === "bigint") return `${value}n`;
    return value instanceof Uint8Array ? `x'${encodeHex(value)}'` : value;
  });
}

function shorten(text: string): string {
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
