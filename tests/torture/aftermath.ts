/** What must hold once the faults have ended, of every replica and of the store. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { expect } from "vitest";
import { runMeasured } from "../harness/measured-graft.ts";
import { pageHash } from "../harness/page-hash.ts";
import { until } from "../harness/until.ts";
import { TORTURE_TAG } from "./client-order.ts";
import type { Ledger } from "./ledger.ts";
import type { TortureMember } from "./torture-member.ts";
import { entriesOf, findUnsound, type RunSql } from "./workload.ts";

export interface Scene {
  readonly url: string;
  readonly volume: string;
  /** The object store. */
  readonly store: string;
  readonly members: readonly TortureMember[];
  readonly folder: string;
  readonly ledger: Ledger;
}

/** Where acknowledged transactions were found. */
export interface Whereabouts {
  readonly remote: number;
  readonly saved: number;
  readonly outbox: number;
  /** Commits in the log. */
  readonly commits: number;
}

/** How long a replica may take to come to an end with its work when nothing is in its way. */
const SETTLE_MS_MAX = 60_000;

/** @throws what does not hold */
export async function expectSoundAftermath(scene: Scene): Promise<Whereabouts> {
  const { ledger, members, url, volume } = scene;
  const [saved, outbox] = [new Set<string>(), new Set<string>()];
  for (const member of members) {
    for (const entry of await settle(scene, member)) outbox.add(entry);
    for (const entry of await savedEntries(member.options.path)) saved.add(entry);
  }
  await using fresh = await openDatabase({
    url,
    volume,
    sync: "manual",
    path: join(scene.folder, "fresh"),
  });
  const remote = new Set(await entriesOf(sqlOf(fresh)));
  const missing = [...ledger.remote].filter((entry) => !remote.has(entry));
  expect(missing, "every commit that was said to be on the server is there").toEqual([]);
  const kept = (entry: string): boolean =>
    remote.has(entry) || saved.has(entry) || outbox.has(entry);
  const lost = [...ledger.acknowledged].filter((entry) => !kept(entry));
  expect(lost, "every acknowledged commit is there, in an outbox, or in a saved file").toEqual([]);
  await expectSound(fresh);
  const expected = await hashOf(scene, fresh);
  for (const { options } of members) {
    const place = { path: options.path, url, tag: TORTURE_TAG, sync: "manual" } as const;
    await using db = await openDatabase(place);
    await db.pull();
    await expectSound(db);
    expect(await hashOf(scene, db), `${options.path} has what the server has`).toBe(expected);
  }
  const { answer } = await runMeasured(["fsck", "--store", scene.store]);
  expect(answer).toMatchObject({ kind: "summary", ok: true, damage: 0, volumes: 1 });
  const count = (entries: ReadonlySet<string>): number =>
    [...ledger.acknowledged].filter((entry) => !remote.has(entry) && entries.has(entry)).length;
  const commits = Number(fresh.status().remote.lsn ?? 0n);
  return { remote: remote.size, saved: count(saved), outbox: count(outbox), commits };
}

/** Lets a replica end what it had begun, by itself. @returns what it could not run again */
async function settle(scene: Scene, { options }: TortureMember): Promise<readonly string[]> {
  const { path, onConflict } = options;
  await using db = await openDatabase({ path, url: scene.url, tag: TORTURE_TAG, onConflict });
  const isSettled = (): boolean => db.status().state === "synced" && db.status().lagMs === 0;
  await until(isSettled, SETTLE_MS_MAX).catch((cause: unknown) => {
    throw new Error(`${path} does not settle: ${describe(db)}`, { cause });
  });
  await expectSound(db);
  const entries: string[] = [];
  for (const { statements = [] } of await db.outbox.list()) {
    for (const { sql, parameters } of statements) {
      // What was rejected is a transfer: a note meets nobody, and breaks no rule.
      if (sql.startsWith("INSERT INTO journal")) entries.push(Object.values(parameters).join(" "));
    }
  }
  return entries;
}

function describe(db: Database): string {
  const { state, lagMs, lastError, local } = db.status();
  return `${state}, lag ${lagMs} ms, ${local.pending} pending: ${lastError?.error.message}`;
}

/** What the files hold that were saved before a reset or a rebase. */
async function savedEntries(path: string): Promise<readonly string[]> {
  const folder = join(path, "saved");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const entries: string[] = [];
  for (const name of names.filter((each) => each.endsWith(".db"))) {
    const saved = new DatabaseSync(join(folder, name), { readOnly: true, returnArrays: true });
    try {
      const run: RunSql = async (sql) => saved.prepare(sql).all() as unknown as unknown[][];
      expect(await findUnsound(run), name).toBeUndefined();
      entries.push(...(await entriesOf(run)));
    } finally {
      saved.close();
    }
  }
  return entries;
}

function sqlOf(db: Database): RunSql {
  return (sql) => db.prepare(sql).raw().all();
}

async function expectSound(db: Database): Promise<void> {
  expect(await findUnsound(sqlOf(db))).toBeUndefined();
  expect(await db.prepare("PRAGMA integrity_check").pluck().all()).toEqual(["ok"]);
}

async function hashOf({ folder }: Scene, db: Database): Promise<string> {
  const file = join(folder, "exported.db");
  await db.exportTo(file, { replace: true });
  return pageHash(file);
}
