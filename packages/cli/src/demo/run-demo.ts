/**
 * The main job end to end, on a real file, with real processes: import, read from an empty replica,
 * write and push, a conflict, a restart of everything, export. Every answer is held against stock
 * SQLite's.
 */
import { type Clock, GraftError } from "@graft/core";
import type { Output } from "../output.ts";
import { importAct } from "./acts/import-act.ts";
import { readAct } from "./acts/read-act.ts";
import { restartAct } from "./acts/restart-act.ts";
import { writeAct } from "./acts/write-act.ts";
import { DemoCast } from "./demo-cast.ts";
import type { DemoReport } from "./demo-report.ts";
import { anySubject, forumSubject } from "./demo-subject.ts";
import { FORUM_SIZE, writeForum } from "./forum-database.ts";
import { copyDatabase, StockDatabase } from "./stock-database.ts";

/** The forum is the same every time. */
const SEED = 20_240_601;

export interface DemoOptions {
  /** Any SQLite file; undefined: a forum that the demo writes itself. It is not written to. */
  readonly file: string | undefined;
  /** URL of an object store that outlives a server; undefined: a folder of the demo's own. */
  readonly store: string | undefined;
  readonly output: Output;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface DemoOutcome {
  readonly report: DemoReport;
  /** What did not hold, a sentence each. */
  readonly failures: readonly string[];
}

/** @throws GraftError, SqliteError, Error: the demo could not be carried through */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const { clock, output, signal } = options;
  await using cast = new DemoCast(options.store);
  // Whoever interrupts the demo does not wait for the act that is on: its processes go at once.
  const end = (): void => void cast[Symbol.asyncDispose]();
  signal.addEventListener("abort", end, { once: true });
  try {
    return await play(cast, options, { clock, output, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

async function play(
  cast: DemoCast,
  options: DemoOptions,
  means: Pick<DemoOptions, "clock" | "output" | "signal">,
): Promise<DemoOutcome> {
  const file = options.file ?? writeForumTo(cast, means);
  using stock = openCopy(file, cast.path("stock.db"));
  const subject = options.file === undefined ? forumSubject(stock) : anySubject(stock);
  const stage = { cast, file, stock, subject, ...means };
  const imported = await importAct(stage);
  means.signal.throwIfAborted();
  const read = await readAct(stage, imported);
  means.signal.throwIfAborted();
  const written = await writeAct(stage, imported, read.second);
  means.signal.throwIfAborted();
  const restarted = await restartAct(stage, imported);
  const parts = { ...imported.report, ...read.report, ...written.report, ...restarted.report };
  const failures = [
    ...(written.isSeen ? [] : ["the first client does not see what the second pushed"]),
    ...restarted.differences,
    ...checkParts(parts),
  ];
  return { report: { ok: failures.length === 0, ...parts }, failures };
}

/** Stock SQLite may move a `-wal` file into the database it opens: it gets a copy. */
function openCopy(file: string, copy: string): StockDatabase {
  try {
    copyDatabase(file, copy);
    const stock = new StockDatabase(copy);
    stock.value("SELECT count(*) FROM sqlite_schema");
    return stock;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GraftError("invalid-argument", `"${file}" cannot be used for the demo: ${why}`, {
      cause,
    });
  }
}

function writeForumTo(cast: DemoCast, means: Pick<DemoOptions, "clock" | "output">): string {
  const file = cast.path("forum.db");
  const startMs = means.clock.monotonicMs();
  writeForum(file, FORUM_SIZE, SEED);
  const seconds = (means.clock.monotonicMs() - startMs) / 1000;
  means.output.note(`wrote a forum with node:sqlite in ${seconds.toFixed(1)} s (WAL mode)`);
  return file;
}

/** Requests to open a volume at most, as a replica and after everything was restarted. */
const OPEN_REQUESTS_MAX = 2;

function checkParts(parts: Omit<DemoReport, "ok">): readonly string[] {
  const { conflict, open, restart } = parts;
  const wrong = parts.queries.filter((query) => "equalsStock" in query && !query.equalsStock);
  const checks: readonly (readonly [boolean, string])[] = [
    ...wrong.map(({ name }) => [false, `${name}: not the answer of stock SQLite`] as const),
    [open.requests <= OPEN_REQUESTS_MAX, `opening took ${open.requests} requests`],
    [conflict.status === "diverged", `the refused replica is ${conflict.status}, not diverged`],
    [conflict.localRowsKept, "the refused push lost local rows"],
    [conflict.resetOk, "reset did not bring the replica back, or lost the saved work"],
    [restart.requests <= OPEN_REQUESTS_MAX, `opening again took ${restart.requests} requests`],
    [parts.export.integrity === "ok", `integrity_check: ${parts.export.integrity}`],
  ];
  return checks.filter(([holds]) => !holds).map(([, sentence]) => sentence);
}
