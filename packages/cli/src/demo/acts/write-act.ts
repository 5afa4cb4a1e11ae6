import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { DemoReport } from "../demo-report.ts";
import type { DemoStage, ImportedDemo } from "../demo-stage.ts";
import type { ReplicaProcess } from "../replica-process.ts";
import { StockDatabase } from "../stock-database.ts";
import type { BoundStatement } from "../worker-messages.ts";

export interface WriteAct {
  readonly report: Pick<DemoReport, "push" | "conflict">;
  /** Whether the first client saw what the second had pushed. */
  readonly isSeen: boolean;
}

/** Writes here and there: a push that another client sees, and one that comes second. */
export async function writeAct(
  stage: DemoStage,
  demo: ImportedDemo,
  second: ReplicaProcess,
): Promise<WriteAct> {
  const { stock, subject } = stage;
  const { first } = demo;
  await second.call("write", { statements: subject.news });
  const { moved } = await second.measured("push", null);
  await first.call("pull", null);
  writeToStock(stock, subject.news);
  const isSeen = await answersAsStock(first, stock, subject.readWrites);
  const conflict = await conflictOf(stage, first, second);
  return { report: { push: moved, conflict }, isSeen };
}

/** Both write on the same base; the second push is refused, and nothing of it is lost. */
async function conflictOf(
  stage: DemoStage,
  first: ReplicaProcess,
  second: ReplicaProcess,
): Promise<DemoReport["conflict"]> {
  const { stock, subject } = stage;
  await first.call("write", { statements: subject.winner });
  await second.call("write", { statements: subject.loser });
  await first.call("push", null);
  const { outcome } = await second.call("push", null);
  const { state, pending } = await second.call("status", null);
  const lost = await second.call("query", subject.readLost);
  const lostCount = stock.ask(subject.readLost.sql, subject.readLost.parameters).rowCount;
  const localRowsKept = outcome === "diverged" && pending === 1 && lost.rowCount === lostCount + 2;
  const { savedFile } = await second.call("reset", null);
  writeToStock(stock, subject.winner);
  const after = await second.call("status", null);
  const resetOk =
    after.state === "synced" &&
    (await answersAsStock(second, stock, subject.readWrites)) &&
    savedFile !== undefined &&
    countLost(savedFile, subject.readLost) === lost.rowCount;
  const name = savedFile === undefined ? undefined : basename(savedFile);
  return { status: state, localRowsKept, resetOk, savedFile: name };
}

/** Rows of the refused work in the file that reset left, as stock SQLite sees them. */
function countLost(file: string, { sql, parameters }: BoundStatement): number {
  if (!existsSync(file)) return -1;
  using saved = new StockDatabase(file);
  if (saved.value("PRAGMA integrity_check") !== "ok") return -1;
  return saved.ask(sql, parameters).rowCount;
}

async function answersAsStock(
  replica: ReplicaProcess,
  stock: StockDatabase,
  { sql, parameters }: BoundStatement,
): Promise<boolean> {
  const { canonical } = await replica.call("query", { sql, parameters });
  return canonical === stock.ask(sql, parameters).canonical;
}

function writeToStock(stock: StockDatabase, statements: readonly BoundStatement[]): void {
  stock.exec("BEGIN");
  for (const { sql, parameters } of statements) stock.run(sql, parameters);
  stock.exec("COMMIT");
}
