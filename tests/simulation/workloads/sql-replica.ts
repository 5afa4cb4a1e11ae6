/**
 * A process with SQLite on its branch's replica. Every transaction that it is told is committed
 * leaves a line, and each line is there from then on: in the database, or in what a reset saved, or
 * in the outbox.
 */
import { GraftError, invariant, type VolumeId } from "@graft/core";
import type { ConflictPolicy, Database, OpenDatabaseOptions } from "@graft/sqlite";
import type { Process } from "../world/machine.ts";
import { ClientProcess, type ClientProcessParts } from "./client-process.ts";
import { openDatabase } from "./open-database.ts";
import type { Branch } from "./sql-branch.ts";
import { Refusal, type Trade } from "./trades/trade.ts";
import { weatherOf } from "./weather.ts";

export type SqlAction = "push" | "pull" | "reset" | "rebase" | "hydrate" | "turn";

export interface SqlReplicaParts extends ClientProcessParts {
  readonly trade: Trade;
  readonly branch: Branch;
  readonly volumeId: VolumeId;
  readonly options: OpenDatabaseOptions & { readonly onConflict: ConflictPolicy };
}

/** Of the audits, how many look at every page of the file too. */
const INTEGRITY_CHANCE = 0.1;
/** How long a bookmark is waited for, ms: a follower waits while its volume is diverged. */
const PATIENCE_MS = 60_000;
const NOT_CHECKED = new GraftError("unavailable", "pages could not be read, so nothing is known");
const GAVE_UP = new GraftError("unavailable", "nobody came");

/** What one look at the database found. */
interface Sight {
  /** Marks of all lines. */
  readonly marks: ReadonlySet<string>;
  /** Whether nothing was pending, before and after: so what was seen is remote, for ever. */
  readonly isRemote: boolean;
}

export class SqlReplica extends ClientProcess<Database> {
  readonly branch: Branch;
  readonly #parts: SqlReplicaParts;

  constructor(parts: SqlReplicaParts) {
    super(parts);
    this.#parts = parts;
    this.branch = parts.branch;
  }

  get database(): Database {
    return this.opened;
  }

  get state(): string {
    return this.database.status().state;
  }

  protected async boot(process: Process): Promise<Database> {
    const { volumeId, options } = this.#parts;
    const place = { volume: volumeId, ...options };
    const database = await openDatabase(process, place);
    this.listen(database.volume);
    return database;
  }

  /** One transaction of the trade, and its line. */
  write(): Promise<string> {
    const { trade, branch } = this.#parts;
    const deed = branch.nextDeed();
    const run = trade.draw(this.world.random, deed);
    const padding = "x".repeat(this.world.random.integer(0, 60));
    return this.#weathering(async (database) => {
      try {
        await database.transaction(deed.mark, async (tx) => {
          const key = await run(tx);
          const add = tx.prepare("insert into line values (?, ?, ?)");
          await add.run(branch.keyOf(deed), key, deed.mark + padding);
        });
      } catch (error) {
        if (error instanceof Refusal) return error.message;
        throw error;
      }
      branch.kept.add(deed.mark);
      return deed.mark;
    });
  }

  /** Everything at one snapshot: the claims hold, and each line that was kept is accounted for. */
  audit(): Promise<string> {
    return this.#weathering(async (database) => {
      if (this.world.random.chance(INTEGRITY_CHANCE)) await this.#mustBeWhole(database);
      const kept = [...this.branch.kept];
      const { marks } = await this.#look(database);
      await this.#account(
        database,
        kept.filter((mark) => !marks.has(mark)),
      );
      return `${marks.size} lines`;
    });
  }

  /** What is committed here is read there, once `other` has waited for our bookmark. */
  handOver(other: SqlReplica): Promise<string> {
    return this.#weathering(async (database) => {
      const before = await this.#look(database);
      const patience = new AbortController();
      const { signal } = patience;
      this.world.clock.sleep(PATIENCE_MS).then(() => patience.abort(GAVE_UP));
      const bookmark = await database.bookmark({ signal });
      const after = await this.#look(database);
      if (!other.isOpen) return "nobody reads";
      const reading = other.#weathering(async (reader) => {
        await reader.waitFor(bookmark, { signal });
        const { marks } = await other.#look(reader);
        for (const mark of before.marks) {
          const isThere = marks.has(mark) || !after.marks.has(mark);
          invariant(isThere, `${other.name} waited for ${bookmark} and does not read ${mark}`);
        }
        this.world.history.reach("bookmark waited for");
        return `${other.name} read ${before.marks.size} lines`;
      });
      return await other.orDeath(reading);
    });
  }

  sync(action: SqlAction): Promise<string> {
    return this.#weathering(async (database) => {
      switch (action) {
        case "pull":
          return `at ${(await database.pull()).lsn}`;
        case "push":
          return (await database.push()).kind;
        case "hydrate":
          return `fetched ${(await database.hydrate()).fetchedPageCount}`;
        case "turn":
          await database.pull();
          if (this.isStill(database)) await this.write();
          return (await database.push()).kind;
        case "reset": {
          const { lsn } = await database.reset();
          this.world.history.reach("reset");
          this.isDiverged = false;
          return `reset to ${lsn}`;
        }
        case "rebase": {
          const { rebasedCount, rejectedCount } = await database.rebase();
          this.isDiverged = false;
          return `rebased ${rebasedCount}, rejected ${rejectedCount}`;
        }
      }
    });
  }

  /** Everything is pushed: whoever keeps itself current will hear of it. */
  async arriveAt(lsn: bigint): Promise<void> {
    if (this.#parts.options.sync === "auto") await this.arrive(this.database.volume, lsn);
  }

  /** At rest: the file is whole, every line is accounted for. Answers all that it holds. */
  async examine(): Promise<string> {
    const { database, branch } = this;
    await this.#mustBeWhole(database);
    const { marks, isRemote } = await this.#look(database);
    invariant(isRemote, `${this.name} is at rest`);
    await this.#account(
      database,
      [...branch.kept].filter((mark) => !marks.has(mark)),
    );
    const lost = [...branch.ledger.remote].filter((mark) => !marks.has(mark));
    invariant(lost.length === 0, `${lost} were remote, and are gone`);
    const content = await database.prepare(this.#parts.trade.content).pluck().get();
    return JSON.stringify([content, [...marks].sort()]);
  }

  async #mustBeWhole(database: Database): Promise<void> {
    const check = await database.prepare("pragma integrity_check").pluck().all();
    // SQLite makes a finding of a page that it could not get, and goes on.
    if (/unable to get the page|failed to (get|read)/.test(check.join())) throw NOT_CHECKED;
    invariant(
      check.length === 1 && check[0] === "ok",
      `the database is whole: ${check.join("; ")}`,
    );
    this.world.history.reach("integrity checked");
  }

  /** One query, so one snapshot; what it shows must be what everybody sees there. */
  async #look(database: Database): Promise<Sight> {
    const { trade, branch } = this.#parts;
    const before = database.status();
    const sql = `select (${trade.claims}) as claims, (${trade.content}) as content,
      (select group_concat(note, ' ') from line) as notes`;
    const row = await database.prepare(sql).get();
    const after = database.status();
    invariant(row?.claims === 1, `the claims of the trade hold, not ${row?.claims}`);
    const marks = new Set(String(row.notes ?? "").match(/\d+:\d+;/g));
    const isStill = this.isStill(database) && before.snapshot.version === after.snapshot.version;
    const isRemote =
      isStill &&
      [before, after].every(({ local, state }) => local.pending + Number(state !== "synced") === 0);
    const content = JSON.stringify([row.content, row.notes]);
    if (isStill) branch.mustBeSame(`version ${after.snapshot.version}`, content);
    if (isRemote) branch.ledger.mustBeSame(`LSN ${after.remote.lsn}`, content);
    if (isRemote) for (const mark of marks) branch.ledger.remote.add(mark);
    return { marks, isRemote };
  }

  /** Lines that are not in the database are in the outbox, in a saved file, or being rebased. */
  async #account(database: Database, missing: readonly string[]): Promise<void> {
    if (missing.length === 0) return;
    const outbox = (await database.outbox.list()).map(({ name }) => name);
    const rest = missing.filter((mark) => !outbox.includes(mark));
    const lost = rest.filter((mark) => !this.machine.hasSaved(mark));
    if (!this.isStill(database) || lost.length === 0) return;
    // A rebase that was cut short keeps what it has not run again to itself.
    if (database.status().state === "diverged") return;
    const { marks } = await this.#look(database);
    const gone = lost.filter((mark) => !marks.has(mark) && this.branch.kept.has(mark));
    const isBusy = !this.isStill(database) || database.status().state === "diverged";
    if (gone.length > 0 && !isBusy) throw new Error(`${this.name} lost its lines ${gone}`);
  }

  async #weathering(run: (database: Database) => Promise<string>): Promise<string> {
    const { life } = this;
    try {
      return await run(this.database);
    } catch (error) {
      if (life !== this.life) return "dead";
      const code = weatherOf(error, this.world);
      if (code === undefined) throw error;
      return this.#note(code);
    }
  }

  #note(code: string): string {
    if (code === "diverged") {
      this.isDiverged = true;
      this.world.history.reach("diverged");
    }
    if (this.isOpen && this.state === "unknown") this.world.history.reach("outcome unknown");
    return code;
  }
}
