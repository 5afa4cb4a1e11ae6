import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isGraftError } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import type { Database } from "@graft/sqlite";
import { openDatabase } from "@graft/sqlite/node";
import { afterAll, describe, expect, it } from "vitest";
import { createBank, isSound, SNAPSHOT_SQL, transfer } from "../harness/bank.ts";
import { Cluster } from "../harness/cluster.ts";
import { fillCompileCache, TalkingChild } from "../harness/talking-child.ts";

const CHILD = fileURLToPath(new URL("./shared-directory-child.ts", import.meta.url));
const PROCESSES = Number(process.env.GRAFT_PROCESSES ?? 4);
/** For longer runs: GRAFT_PROCESSES_SECONDS, and GRAFT_SEED to repeat one. */
const SECONDS = Number(process.env.GRAFT_PROCESSES_SECONDS ?? 60);
const SEED = Number(process.env.GRAFT_SEED ?? Date.now() % 1_000_000);
/** Less than the database: what is clean is evicted all the time. */
const CACHE_SIZE_MAX = 320 * 4096;
/** How long a process works at most before it is killed. */
const LIFE_MS_MAX = 10_000;
/** The other client's entries in the journal. */
const STRANGER = 99;

/** What the processes said. */
class Ledger {
  /** Acknowledged transactions: "process sequence". */
  readonly acknowledged = new Set<string>();
  readonly actions = new Map<string, number>();
  readonly faults: string[] = [];
  readonly #versions = new Map<string, string>();
  readonly #last = new Map<number, number>();

  note(process: number, line: string): void {
    const [kind, first = "", second = ""] = line.split(" ");
    if (kind === "did") this.actions.set(line.slice(4), (this.actions.get(line.slice(4)) ?? 0) + 1);
    if (kind === "try") this.#last.set(process, Number(first));
    if (kind !== "commit") return;
    const entry = `${process} ${first}`;
    const taken = this.#versions.get(second);
    if (taken !== undefined) this.faults.push(`${taken} and ${entry} are both version ${second}`);
    this.#versions.set(second, entry);
    this.acknowledged.add(entry);
  }

  /** The last that was tried may have been committed without an answer. */
  nextSequence(process: number): number {
    return (this.#last.get(process) ?? 0) + 1;
  }
}

interface Place {
  readonly path: string;
  readonly url: string;
  readonly compileCache: string;
}

class Member {
  readonly number: number;
  readonly #ledger: Ledger;
  readonly #place: Place;
  #child: TalkingChild | undefined;

  constructor(number: number, ledger: Ledger, place: Place) {
    this.number = number;
    this.#ledger = ledger;
    this.#place = place;
  }

  /** Resolves when it is at work. */
  async start(seed: number): Promise<void> {
    const { path, url, compileCache } = this.#place;
    const first = this.#ledger.nextSequence(this.number);
    const numbers = [this.number, first, seed, CACHE_SIZE_MAX].map(String);
    this.#child = await TalkingChild.start({
      script: CHILD,
      words: [path, url, ...numbers],
      compileCache,
      onLine: (line) => this.#ledger.note(this.number, line),
      onFault: (error) => this.#ledger.faults.push(`process ${this.number} ended: ${error}`),
    });
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }
}

/** Another client, with a directory of its own in memory: makes the base move now and then. */
async function disturb(db: Database, random: SeededRandom, signal: AbortSignal): Promise<number> {
  let pushed = 0;
  for (let sequence = 1; !signal.aborted; sequence++) {
    await wait(random.integer(3000, 9000), undefined, { signal }).catch(() => undefined);
    try {
      await db.pull();
      await db.transaction((tx) => transfer(tx, random, { process: STRANGER, sequence }));
      await db.push();
      pushed++;
    } catch (error) {
      if (!isGraftError(error, "diverged")) throw error;
      await db.reset({ save: false });
    }
    expect(isSound(await db.prepare(SNAPSHOT_SQL).get()), "what is pushed is sound").toBe(true);
  }
  return pushed;
}

/** "process sequence" of every entry in a plain SQLite file. */
function journalOf(file: string): readonly string[] {
  const saved = new DatabaseSync(file, { readOnly: true });
  try {
    expect(isSound(saved.prepare(SNAPSHOT_SQL).get()), file).toBe(true);
    const rows = saved.prepare("SELECT process || ' ' || sequence AS entry FROM journal").all();
    return rows.map((row) => String(row.entry));
  } finally {
    saved.close();
  }
}

async function journalEntries(db: Database): Promise<readonly string[]> {
  const sql = "SELECT process || ' ' || sequence FROM journal";
  return (await db.prepare(sql).pluck().all()).map(String);
}

describe("processes on one data directory", () => {
  const folder = mkdtempSync(join(tmpdir(), "graft-processes-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it(
    `write, read, evict, push, pull, hydrate and reset for ${SECONDS} s under kill -9 (seed ${SEED})`,
    async () => {
      const random = new SeededRandom(SEED);
      await using cluster = await Cluster.start({ network: "tcp" });
      const url = cluster.url ?? "";
      const path = join(folder, "data");
      const volume = await found(path, url);
      const place = { path, url, compileCache: join(folder, "compiled") };
      await fillCompileCache(place.compileCache, CHILD);
      const ledger = new Ledger();
      const ended = new AbortController();
      await using stranger = await openDatabase({ sync: "manual", url, volume });
      const disturbing = disturb(stranger, new SeededRandom(SEED + 1), ended.signal);
      const members = Array.from({ length: PROCESSES }, (_, at) => new Member(at, ledger, place));
      const endMs = performance.now() + SECONDS * 1000;
      let kills = 0;
      /** One process after another takes the place of a member, each killed while it works. */
      const live = async (member: Member): Promise<void> => {
        while (performance.now() < endMs && ledger.faults.length === 0) {
          await member.start(random.u32());
          await wait(random.integer(0, LIFE_MS_MAX));
          await member.kill();
          kills++;
        }
      };
      await Promise.all(members.map(live)).finally(() => ended.abort());
      const pushed = await disturbing;
      expect(ledger.faults).toEqual([]);
      await using db = await openDatabase({ sync: "manual", path, url, tag: "bank" });
      await expectSound(db);
      const saved = existsSync(join(path, "saved")) ? readdirSync(join(path, "saved")) : [];
      const kept = new Set(await journalEntries(db));
      for (const name of saved.filter((each) => each.endsWith(".db"))) {
        for (const entry of journalOf(join(path, "saved", name))) kept.add(entry);
      }
      const lost = [...ledger.acknowledged].filter((entry) => !kept.has(entry));
      expect(lost, "every acknowledged commit is there, or in a file that a reset saved").toEqual(
        [],
      );
      await settle(db);
      await expectSound(db);
      await using fresh = await openDatabase({ sync: "manual", url, volume });
      expect(await journalEntries(fresh)).toEqual(await journalEntries(db));
      await expectSound(fresh);
      const counts = { kills, pushed, saved: saved.length, commits: ledger.acknowledged.size };
      console.info(`seed ${SEED}`, counts, Object.fromEntries(ledger.actions));
      expect(ledger.acknowledged.size, "they got somewhere").toBeGreaterThan(PROCESSES);
    },
    (SECONDS + 120) * 1000,
  );
});

/** Makes the bank, pushes it, and leaves. */
async function found(path: string, url: string): Promise<string> {
  await using db = await openDatabase({ sync: "manual", path, url, tag: "bank" });
  await createBank(db);
  await db.push();
  return db.volume.volumeId;
}

/** Whatever is still under way is brought to an end. */
async function settle(db: Database): Promise<void> {
  try {
    await db.sync();
  } catch (error) {
    if (!isGraftError(error, "diverged")) throw error;
    await db.reset();
  }
}

async function expectSound(db: Database): Promise<void> {
  expect(isSound(await db.prepare(SNAPSHOT_SQL).get())).toBe(true);
  expect(await db.prepare("PRAGMA integrity_check").pluck().all()).toEqual(["ok"]);
}
