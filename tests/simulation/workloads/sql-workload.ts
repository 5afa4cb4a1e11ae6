/** Branches with SQLite on replicas of one database, each with its ways of syncing. */
import { invariant, type VolumeId } from "@graft/core";
import type { World } from "../world/world.ts";
import { Crew } from "./crew.ts";
import { openDatabase } from "./open-database.ts";
import { Branch, Ledger } from "./sql-branch.ts";
import { type SqlAction, SqlReplica, type SqlReplicaParts } from "./sql-replica.ts";
import type { Trade } from "./trades/trade.ts";
import { afterWeather } from "./weather.ts";
import type { Workload } from "./workload.ts";

const BRANCH_COUNT = 3;
const PROCESS_COUNT_MAX = 2;
/** Lines of each branch that are there at first, so that its next ones have pages of their own. */
const FILLER_COUNT = 20;

export class SqlWorkload implements Workload {
  readonly crew: Crew<SqlReplica>;
  readonly #world: World;
  readonly #trade: Trade;

  constructor(world: World, trade: Trade) {
    this.#world = world;
    this.#trade = trade;
    this.crew = new Crew(world);
  }

  async start(): Promise<void> {
    const world = this.#world;
    const { random } = world;
    const volumeId = await this.#found();
    const ledger = new Ledger();
    for (let number = 1; number <= BRANCH_COUNT; number++) {
      const machine = world.createMachine(`branch-${number}`);
      const branch = new Branch(number, ledger);
      const processCount = random.integer(1, PROCESS_COUNT_MAX);
      for (let at = 0; at < processCount; at++) {
        const name = `${machine.name}.${at}`;
        const parts = { world, name, machine, branch, volumeId, trade: this.#trade };
        const replica = new SqlReplica({ ...parts, options: this.#drawOptions() });
        await replica.open();
        this.crew.processes.push(replica);
      }
    }
  }

  act(): void {
    const { random } = this.#world;
    const replica = this.crew.draw();
    if (replica === undefined) return;
    const chance = random.integer(0, 99);
    if (replica.isDiverged && chance < 40) {
      this.#sync(replica, random.chance(0.5) ? "reset" : "rebase");
    } else if (chance < 30) this.crew.begin(replica, "write", "write", () => replica.write());
    else if (chance < 50) this.#sync(replica, "turn");
    else if (chance < 58) this.#sync(replica, "push");
    else if (chance < 68) this.#sync(replica, "pull");
    else if (chance < 71) this.#sync(replica, "reset");
    else if (chance < 75) this.#sync(replica, "hydrate");
    else if (chance < 80) this.#handOver(replica);
    else {
      this.crew.begin(replica, `read-${random.integer(1, 2)}`, "audit", () => replica.audit());
    }
  }

  crash(): void {
    this.crew.crash();
  }

  async finish(): Promise<void> {
    const { processes } = this.crew;
    await this.crew.comeToRest();
    // What one of them pushed last the others have to hear of.
    let head = 0n;
    for (const { database } of processes) {
      const { lsn = 0n } = database.status().remote;
      if (lsn > head) head = lsn;
    }
    for (const replica of processes) await replica.arriveAt(head);
    const contents = new Set<string>();
    for (const replica of processes) {
      await replica.sync("pull");
      contents.add(await afterWeather(this.#world, () => replica.examine()));
    }
    invariant(contents.size === 1, "all branches read the same");
  }

  async #found(): Promise<VolumeId> {
    const process = this.#world.createMachine("maker").start();
    const pageSize = this.#world.random.pick([512, 1024, 4096, 4096]);
    const database = await openDatabase(process, { pageSize, sync: "manual" });
    await database.exec(this.#trade.schema);
    await database.exec("create table line(id integer primary key, key integer, note text)");
    for (let number = 1; number <= BRANCH_COUNT; number++) {
      await database.exec(`with recursive i(n) as
        (select 0 union all select n + 1 from i where n < ${FILLER_COUNT})
        insert into line select ${number} * 1000000 - n, null, hex(zeroblob(40)) from i`);
    }
    await database.push();
    await database.close();
    return database.volume.volumeId;
  }

  #drawOptions(): SqlReplicaParts["options"] {
    const { random } = this.#world;
    return {
      readersMax: random.pick([1, 1, 2]),
      sync: random.pick(["auto", "auto", "manual"]),
      pushDelayMs: random.pick([0, 0, 50]),
      replica: random.pick(["eager", "lazy", "full"]),
      onConflict: random.pick(["stop", "reset", "rebase", "rebase"]),
      recordStatements: random.chance(0.8),
    };
  }

  #handOver(replica: SqlReplica): void {
    const other = this.#world.random.pick(this.crew.processes);
    if (!other.isOpen) return;
    this.crew.begin(replica, "bookmark", `hand over to ${other.name}`, () =>
      replica.handOver(other),
    );
  }

  #sync(replica: SqlReplica, action: SqlAction): void {
    this.crew.begin(replica, "sync", action, () => replica.sync(action));
  }
}
