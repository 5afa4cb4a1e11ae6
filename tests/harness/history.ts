/**
 * A database with a long history, made once: its object store as it was after some of its commits,
 * so that a test of few commits and a test of many differ in nothing else.
 */
import type { VolumeId } from "@graft/core";
import { systemClock } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { decodeHeadHint, headKey } from "@graft/format";
import { MemoryObjectStore, type ObjectStore } from "@graft/object-store";
import { openDatabase } from "@graft/sqlite/node";
import { Cluster } from "./cluster.ts";

/** Rows of the table `t(id INTEGER PRIMARY KEY, body TEXT)`: some 60 pages. */
export const HISTORY_ROWS = 2000;

/** Objects copied side by side. */
const COPY_CONCURRENCY = 16;

export interface History {
  readonly volumeId: VolumeId;
  /** A copy of the store after that many commits, which the caller may change. */
  copyAt(commitCount: number): Promise<MemoryObjectStore>;
}

/** The row that commit `n` changes, to the text `commit n`. */
export function rowOfCommit(commit: number): number {
  return ((commit * 37) % HISTORY_ROWS) + 1;
}

/** @param commitCounts ascending; commit 1 makes the table, each other one changes one row */
export async function buildHistory(commitCounts: readonly number[]): Promise<History> {
  await using cluster = await Cluster.start({ network: "tcp", random: new SeededRandom(1) });
  const { url } = cluster;
  if (url === undefined) throw new Error("the cluster listens on no port");
  await using writer = await openDatabase({ sync: "manual", url, tag: "t" });
  await writer.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
  await writer.transaction(async (tx) => {
    const insert = tx.prepare("INSERT INTO t VALUES(?, ?)");
    for (let id = 1; id <= HISTORY_ROWS; id++) {
      await insert.run(id, `row ${id} `.padEnd(100, "x"));
    }
  });
  await writer.push();
  const update = writer.prepare("UPDATE t SET body = ? WHERE id = ?");
  const copies = new Map<number, MemoryObjectStore>();
  let commit = 1;
  for (const count of commitCounts) {
    while (commit < count) {
      commit++;
      await update.run(`commit ${commit}`, rowOfCommit(commit));
      await writer.push();
    }
    await hintReaches(cluster.store, writer.volume.volumeId, count);
    copies.set(count, await copyObjects(cluster.store, new MemoryObjectStore()));
  }
  const copyAt = async (count: number): Promise<MemoryObjectStore> => {
    const copy = copies.get(count);
    if (copy === undefined) throw new Error(`the history was not kept after ${count} commits`);
    return await copyObjects(copy, new MemoryObjectStore());
  };
  return { volumeId: writer.volume.volumeId, copyAt };
}

/** Services that nobody asks anything write the head hint within a second. */
async function hintReaches(store: ObjectStore, volumeId: VolumeId, count: number): Promise<void> {
  for (let attempt = 1; attempt <= 600; attempt++) {
    const hint = await store.get(headKey(volumeId));
    if (hint !== undefined && decodeHeadHint(hint.bytes) === BigInt(count)) return;
    await systemClock.sleep(50);
  }
  throw new Error(`the head hint does not reach commit ${count}`);
}

/** Copies every object of a store into another one, and answers that. */
export async function copyObjects<Store extends ObjectStore>(
  from: ObjectStore,
  to: Store,
): Promise<Store> {
  const copies: Promise<void>[] = [];
  for await (const { key } of from.list("")) {
    const stored = await from.get(key);
    if (stored !== undefined) copies.push(to.put(key, stored.bytes));
    if (copies.length === COPY_CONCURRENCY) await Promise.all(copies.splice(0));
  }
  await Promise.all(copies);
  return to;
}
