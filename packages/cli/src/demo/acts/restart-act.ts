import { ProgressBar } from "../../progress.ts";
import { compareDatabases } from "../compare-databases.ts";
import type { DemoReport } from "../demo-report.ts";
import type { DemoStage, ImportedDemo } from "../demo-stage.ts";
import { StockDatabase } from "../stock-database.ts";

export interface RestartAct {
  readonly report: Pick<DemoReport, "restart" | "export">;
  /** A sentence for each difference between the export and what stock SQLite has. */
  readonly differences: readonly string[];
}

/**
 * Kills both servers, deletes their caches, starts them on the same store, and brings the whole
 * database back out through a third replica.
 */
export async function restartAct(stage: DemoStage, demo: ImportedDemo): Promise<RestartAct> {
  const { cast, clock, output, stock, subject } = stage;
  await cast.killServers(demo.servers);
  const servers = await cast.startServers();
  output.note(`killed and restarted: ${servers.metastore.url}, ${servers.pagestore.url}`);
  const third = await cast.startReplica("third", servers);
  const { moved } = await third.measured("clone", { volume: demo.volume });
  const pageSize = Number(stock.value("PRAGMA page_size"));
  const bar = new ProgressBar("hydrate", pageSize, output, clock);
  third.onProgress = (progress) => bar.update(progress);
  await third.call("hydrate", null).finally(() => bar.end());
  stage.signal.throwIfAborted();
  const file = cast.path("exported.db");
  await third.call("export", { file });
  using exported = new StockDatabase(file);
  const integrity = String(exported.value("PRAGMA integrity_check"));
  const isUntouched = subject.ownTables.length > 0;
  const { differences } = compareDatabases(stock, exported, { withShadowTables: isUntouched });
  const tablesEqual = differences.length === 0;
  return {
    report: { restart: { requests: moved.requests }, export: { integrity, tablesEqual } },
    differences,
  };
}
