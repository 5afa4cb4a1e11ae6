import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import type { StatementRun } from "@graft/sqlite-engine";
import { describe, expect, test } from "vitest";
import { decodeTransaction } from "./recorded-codec.ts";
import type { RecordedStatement } from "./recorded-transaction.ts";
import { TransactionRecorder } from "./transaction-recorder.ts";

const WRITE: StatementRun = {
  sql: "insert into t values (?)",
  mode: "write",
  parameters: [1n],
  isInTransaction: true,
};

function open(recordsStatements = true) {
  const clock = new SimulatedClock();
  const random = new SeededRandom(3);
  const recorder = new TransactionRecorder(clock, random, recordsStatements);
  const run = (part: Partial<StatementRun> = {}, outcome: "done" | "failed" = "done"): void => {
    recorder.begin({ ...WRITE, ...part });
    recorder.end(outcome);
  };
  const statements = (): readonly RecordedStatement[] => {
    const { replay = new Uint8Array() } = recorder.note() ?? {};
    const { content } = decodeTransaction(replay);
    return content.kind === "statements" ? content.statements : [];
  };
  return { clock, recorder, run, statements };
}

const transaction = (sql: string, isInTransaction = true): Partial<StatementRun> => ({
  sql,
  mode: "transaction",
  parameters: [],
  isInTransaction,
});

describe("a recorder", () => {
  test("begins anew with each transaction, and keeps a text once", () => {
    const { run, statements, recorder } = open();
    run({ isInTransaction: false });
    run({ isInTransaction: false });
    run({ parameters: [2n] });
    expect(statements().map(({ parameters }) => parameters)).toEqual([[1n], [2n]]);
    const size = recorder.note()?.replay?.length ?? 0;
    run({ parameters: [3n] });
    expect((recorder.note()?.replay?.length ?? 0) - size).toBeLessThan(WRITE.sql.length);
  });

  test("stops the clock while a statement runs, and not between two", async () => {
    const { clock, recorder, statements } = open();
    recorder.begin(WRITE);
    const before = recorder.clock.nowMs();
    await clock.advance(50);
    expect(recorder.clock.nowMs()).toBe(before);
    recorder.end("done");
    expect(recorder.clock.nowMs()).toBe(clock.nowMs());
    expect(statements()).toMatchObject([{ timeMs: before, chance: undefined }]);
  });

  test("draws the same again when a statement begins again, and when it is played", () => {
    const { recorder, statements } = open();
    const draw = (): number[] => {
      const bytes = new Uint8Array(20);
      recorder.draw(bytes);
      return [...bytes];
    };
    recorder.begin(WRITE);
    const first = [draw(), draw()];
    recorder.restart();
    expect([draw(), draw()]).toEqual(first);
    recorder.end("done");
    expect(draw()).not.toEqual(first[0]);
    const [recorded] = statements();
    recorder.played = recorded;
    recorder.begin({ ...WRITE, isInTransaction: false });
    expect([draw(), draw()]).toEqual(first);
    recorder.end("done");
    expect(statements()).toEqual([recorded]);
    recorder.begin(WRITE);
    expect(draw()).not.toEqual(first[0]);
  });

  test("leaves out what failed, what was rolled back, and what changes no content", () => {
    const { run, statements } = open();
    run(transaction("begin", false));
    run({ parameters: ["kept"] });
    run({ parameters: ["failed"] }, "failed");
    run(transaction("savepoint a"));
    run({ parameters: ["gone"] });
    run(transaction("rollback to a"));
    run({ parameters: ["kept, too"] });
    run(transaction("release a"), "failed");
    run(transaction("rollback to a"));
    run(transaction("release a"));
    run({ sql: "pragma cache_size = 5", parameters: [] });
    run({ sql: "PRAGMA main.user_version = 5", parameters: [] });
    run({ sql: "vacuum", mode: "bare", parameters: [] });
    expect(statements().map(({ sql, parameters }) => parameters[0] ?? sql)).toEqual([
      "kept",
      "PRAGMA main.user_version = 5",
    ]);
    run(transaction("rollback"));
    expect(statements()).toEqual([]);
  });

  test("names every transaction, each once, and keeps a name without statements", () => {
    const { recorder, run } = open();
    run({ isInTransaction: false });
    const ids = [recorder.note(), recorder.note()].map((note) => note?.appTransactionId);
    expect(new Set(ids).size).toBe(2);
    const plain = open(false).recorder;
    expect(plain.note()).toBeUndefined();
    plain.label = { name: "pay", appTransactionId: "7" };
    const note = plain.note();
    expect(note?.appTransactionId).toBe("7");
    const recorded = decodeTransaction(note?.replay ?? new Uint8Array());
    expect(recorded).toEqual({ name: "pay", content: { kind: "not-recorded" } });
  });

  test("refuses what is too large, until the next transaction", () => {
    const { recorder, run, statements } = open();
    const text = "x".repeat(6 * 1024 * 1024);
    for (let at = 0; at < 3; at++) run({ parameters: [text] });
    run();
    const { replay = new Uint8Array() } = recorder.note() ?? {};
    expect(replay.length).toBeLessThan(100);
    expect(decodeTransaction(replay).content).toMatchObject({
      kind: "refused",
      reason: expect.stringMatching(/more than 16 MiB/),
    });
    run({ isInTransaction: false });
    expect(statements()).toHaveLength(1);
  });
});
