/** What must hold once the faults have ended, of every replica and of the store. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isGraftError } from "@graft/core";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { expect } from "vitest";
import { isSound, SNAPSHOT_SQL } from "../harness/bank.ts";
import { runMeasured } from "../harness/measured-graft.ts";
import { pageHash } from "../harness/page-hash.ts";
import type { Ledger } from "./ledger.ts";

export interface Scene {
  readonly url: string | { readonly metastore: string; readonly pagestore: string };
  readonly volume: string;
  /** The object store. */
  readonly store: string;
  /** The clients' data directories. */
  readonly paths: readonly string[];
  readonly folder: string;
  readonly ledger: Ledger;
}

/** Where each acknowledged transaction was found. */
export interface Whereabouts {
  readonly remote: number;
  readonly saved: number;
  readonly commits: number;
}

/** @throws what does not hold */
export async function expectSoundAftermath(scene: Scene): Promise<Whereabouts> {
  const { ledger, paths, url, volume } = scene;
  const kept = new Set<string>();
  for (const path of paths) await settleReplica(scene, path, kept);
  await using fresh = await openDatabase({
    sync: "manual",
    url,
    volume,
    path: join(scene.folder, "fresh"),
  });
  const remote = new Set(await journalOf(fresh));
  for (const entry of remote) kept.add(entry);
  const missing = [...ledger.remote].filter((entry) => !remote.has(entry));
  expect(missing, "every commit that a push was answered for is on the server").toEqual([]);
  const lost = [...ledger.acknowledged].filter((entry) => !kept.has(entry));
  expect(lost, "every acknowledged commit is there, or in a file that a reset saved").toEqual([]);
  await expectSound(fresh);
  const expected = await hashOf(scene, fresh);
  for (const path of paths) {
    await using db = await openDatabase({ sync: "manual", path, url, tag: "bank" });
    await db.pull();
    await expectSound(db);
    expect(await hashOf(scene, db), `${path} has what the server has`).toBe(expected);
  }
  const { answer } = await runMeasured(["fsck", "--store", scene.store]);
  expect(answer).toMatchObject({ kind: "summary", ok: true, damage: 0, volumes: 1 });
  const saved = [...ledger.acknowledged].filter((entry) => !remote.has(entry)).length;
  return { remote: remote.size, saved, commits: Number(fresh.status().remote.lsn ?? 0n) };
}

/** Pushes what a replica holds, or saves it as a file; gathers what it has. */
async function settleReplica({ url }: Scene, path: string, kept: Set<string>): Promise<void> {
  await using db = await openDatabase({ sync: "manual", path, url, tag: "bank" });
  await expectSound(db);
  for (const entry of await journalOf(db)) kept.add(entry);
  try {
    await db.sync();
  } catch (error) {
    if (!isGraftError(error, "diverged")) throw error;
    await db.reset();
  }
  expect(db.status(), path).toMatchObject({ state: "synced", local: { pending: 0 } });
  const saved = join(path, "saved");
  if (!existsSync(saved)) return;
  for (const name of readdirSync(saved)) {
    if (name.endsWith(".db")) for (const entry of savedJournal(join(saved, name))) kept.add(entry);
  }
}

/** "member sequence" of every entry in a plain SQLite file. */
function savedJournal(file: string): readonly string[] {
  const saved = new DatabaseSync(file, { readOnly: true });
  try {
    expect(isSound(saved.prepare(SNAPSHOT_SQL).get()), file).toBe(true);
    const rows = saved.prepare("SELECT process || ' ' || sequence AS entry FROM journal").all();
    return rows.map((row) => String(row.entry));
  } finally {
    saved.close();
  }
}

async function journalOf(db: Database): Promise<readonly string[]> {
  const sql = "SELECT process || ' ' || sequence FROM journal";
  return (await db.prepare(sql).pluck().all()).map(String);
}

async function expectSound(db: Database): Promise<void> {
  expect(isSound(await db.prepare(SNAPSHOT_SQL).get())).toBe(true);
  expect(await db.prepare("PRAGMA integrity_check").pluck().all()).toEqual(["ok"]);
}

async function hashOf({ folder }: Scene, db: Database): Promise<string> {
  const file = join(folder, "exported.db");
  await db.exportTo(file, { replace: true });
  return pageHash(file);
}
