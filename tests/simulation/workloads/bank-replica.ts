/**
 * A counter in a branch of the bank: a process with SQLite on the branch's replica. Money only
 * moves, and each move leaves a line.
 */
import { invariant, type VolumeId } from "@graft/core";
import { type Database, openDatabaseWith } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { DATA_PATH, type Process } from "../world/machine.ts";
import { ClientProcess, type ClientProcessParts, type Death } from "./client-process.ts";
import { weatherOf } from "./weather.ts";

const engine = await loadNodeEngine();

export const ACCOUNT_COUNT = 20;
export const TOTAL = 20_000;
export const SCHEMA: string = `
  create table account(id integer primary key, balance integer not null check (balance >= 0));
  create table line(branch text, n integer, amount integer, note text, primary key (branch, n));
  create index line_by_amount on line(amount);
  with recursive id(i) as (select 1 union all select i + 1 from id where i < ${ACCOUNT_COUNT})
  insert into account select i, ${TOTAL / ACCOUNT_COUNT} from id;
`;

export type BankAction = "push" | "pull" | "reset" | "hydrate" | "turn";

/** What the processes of one branch know together. */
export class BranchModel {
  readonly name: string;
  lastLine = 0;
  isResetting = false;
  /** Lines whose COMMIT was acknowledged and that were not given up since. */
  readonly kept: Set<number> = new Set();
  /** Lines that a push was acknowledged for. */
  readonly pushed: Set<number> = new Set();

  constructor(name: string) {
    this.name = name;
  }

  giveUpUnpushed(): void {
    for (const line of this.kept) if (!this.pushed.has(line)) this.kept.delete(line);
  }
}

export interface BankReplicaParts extends ClientProcessParts {
  readonly branch: BranchModel;
  readonly volumeId: VolumeId;
}

export class BankReplica extends ClientProcess<Database> {
  readonly branch: BranchModel;
  readonly #volumeId: VolumeId;

  constructor(parts: BankReplicaParts) {
    super(parts);
    this.branch = parts.branch;
    this.#volumeId = parts.volumeId;
  }

  get database(): Database {
    return this.opened;
  }

  get state(): string {
    return this.database.volume.status().state;
  }

  protected boot({ clock, random, fileSystem, remote }: Process): Promise<Database> {
    // Its own, as for a process: what the dead hold of it is not missing here.
    const means = { engine: { ...engine }, clock, random, fileSystem, openRemote: () => remote };
    const place = { url: "simulated", path: DATA_PATH, volume: this.#volumeId };
    return openDatabaseWith(means, { ...place, readersMax: 3 });
  }

  override die(how: Death): void {
    super.die(how);
    if (this.branch.isResetting) this.branch.giveUpUnpushed();
  }

  /** Moves money between two accounts, in one transaction. */
  transfer(): Promise<string> {
    const { random } = this.world;
    const [from, to] = [random.integer(1, ACCOUNT_COUNT), random.integer(1, ACCOUNT_COUNT)];
    const amount = random.integer(1, 50);
    const line = ++this.branch.lastLine;
    const note = "x".repeat(random.integer(0, 900));
    return this.#weathering(async (database) => {
      const isMoved = await database.transaction(async (tx) => {
        const row = await tx.prepare("select balance from account where id = ?").get(from);
        invariant(row !== undefined, "the account exists");
        if (Number(row.balance) < amount) return false;
        const move = tx.prepare("update account set balance = balance + ? where id = ?");
        await move.run(-amount, from);
        await move.run(amount, to);
        const add = tx.prepare("insert into line values (?, ?, ?, ?)");
        await add.run(this.branch.name, line, amount, note);
        return true;
      });
      if (!isMoved) return "too poor";
      this.branch.kept.add(line);
      return `line ${line}`;
    });
  }

  /** Everything at one snapshot: the money is all there, and so is each line that was kept. */
  audit(): Promise<string> {
    return this.#weathering(async (database) => {
      const kept = [...this.branch.kept];
      const sql = `select (select sum(balance) from account) as total,
        (select json_group_array(n) from line where branch = ?) as lines`;
      const row = await database.prepare(sql).get(this.branch.name);
      invariant(row?.total === TOTAL, `the money is all there: ${row?.total}`);
      const found = new Set(JSON.parse(String(row.lines)) as number[]);
      const lost = kept.filter((line) => this.branch.kept.has(line) && !found.has(line));
      if (lost.length > 0) throw new Error(`${this.branch.name} lost its lines ${lost}`);
      return `${found.size} lines`;
    });
  }

  sync(action: BankAction): Promise<string> {
    return this.#weathering(async (database) => {
      switch (action) {
        case "pull":
          return `at ${(await database.pull()).lsn}`;
        case "push":
          return await this.#push(database);
        case "hydrate":
          return `fetched ${(await database.hydrate()).fetchedPageCount}`;
        case "turn":
          await database.pull();
          if (this.isStill(database)) await this.transfer();
          return await this.#push(database);
        case "reset":
          return await this.#reset(database);
      }
    });
  }

  /** Until its end or its death, what was not pushed may be gone. */
  async #reset(database: Database): Promise<string> {
    const { branch } = this;
    branch.isResetting = true;
    branch.giveUpUnpushed();
    try {
      const { lsn } = await database.reset();
      this.world.history.reach("reset");
      this.isDiverged = false;
      return `reset to ${lsn}`;
    } finally {
      if (this.isStill(database)) {
        branch.giveUpUnpushed();
        branch.isResetting = false;
      }
    }
  }

  async #push(database: Database): Promise<string> {
    const kept = [...this.branch.kept];
    const result = await database.push();
    if (result.kind === "pushed") for (const line of kept) this.branch.pushed.add(line);
    return result.kind;
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
