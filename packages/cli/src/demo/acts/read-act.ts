import { countObjectStoreRequests } from "../demo-cast.ts";
import type { DemoQuery, SkippedQuery } from "../demo-query.ts";
import type { DemoReport, QueryReport, SkippedReport } from "../demo-report.ts";
import type { DemoStage, ImportedDemo } from "../demo-stage.ts";
import type { ReplicaProcess } from "../replica-process.ts";
import type { StockDatabase } from "../stock-database.ts";

export interface ReadAct {
  /** The fresh replica, still open. */
  readonly second: ReplicaProcess;
  readonly report: Pick<DemoReport, "open" | "queries">;
}

/**
 * Opens a replica in another process, with an empty data directory, and asks it what stock SQLite
 * is asked.
 */
export async function readAct(stage: DemoStage, demo: ImportedDemo): Promise<ReadAct> {
  const { cast, stock, subject } = stage;
  const second = await cast.startReplica("second", demo.servers);
  const before = await countObjectStoreRequests(demo.servers);
  const { moved } = await second.measured("clone", { volume: demo.volume });
  const objectStoreRequests = (await countObjectStoreRequests(demo.servers)) - before;
  const queries: (QueryReport | SkippedReport)[] = [];
  for (const query of subject.queries) {
    stage.signal.throwIfAborted();
    queries.push(await ask(second, stock, query));
  }
  return { second, report: { open: { ...moved, objectStoreRequests }, queries } };
}

async function ask(
  replica: ReplicaProcess,
  stock: StockDatabase,
  query: DemoQuery | SkippedQuery,
): Promise<QueryReport | SkippedReport> {
  if ("skipped" in query) return query;
  const { name, sql, parameters } = query;
  const { answer, moved } = await replica.measured("query", { sql, parameters });
  const expected = stock.ask(sql, parameters);
  const { pages, ms } = answer;
  return { name, ...moved, pages, ms, equalsStock: answer.canonical === expected.canonical };
}
