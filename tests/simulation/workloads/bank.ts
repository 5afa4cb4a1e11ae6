/** A bank with branches: SQLite on several replicas. Its money never grows nor shrinks. */
import { invariant, type VolumeId } from "@graft/core";
import type { Database } from "@graft/sqlite";
import type { World } from "../world/world.ts";
import { type BankAction, BankReplica, BranchModel, SCHEMA } from "./bank-replica.ts";
import { Crew } from "./crew.ts";
import { openMaker } from "./open-maker.ts";
import type { Workload } from "./workload.ts";

const BRANCH_COUNT = 3;
const COUNTER_COUNT_MAX = 2;

export class Bank implements Workload {
  readonly #world: World;
  readonly crew: Crew<BankReplica>;

  constructor(world: World) {
    this.#world = world;
    this.crew = new Crew(world);
  }

  async start(): Promise<void> {
    const world = this.#world;
    const volumeId = await this.#found();
    for (let at = 0; at < BRANCH_COUNT; at++) {
      const machine = world.createMachine(`branch-${at}`);
      const branch = new BranchModel(machine.name);
      const counterCount = world.random.integer(1, COUNTER_COUNT_MAX);
      for (let counter = 0; counter < counterCount; counter++) {
        const name = `${branch.name}.${counter}`;
        const replica = new BankReplica({ world, name, branch, machine, volumeId });
        await replica.open();
        this.crew.processes.push(replica);
      }
    }
  }

  act(): void {
    const { random } = this.#world;
    const branch = this.crew.draw();
    if (branch === undefined) return;
    const chance = random.integer(0, 99);
    if (branch.isDiverged && chance < 40) this.#sync(branch, "reset");
    else if (chance < 25) this.crew.begin(branch, "write", "transfer", () => branch.transfer());
    else if (chance < 50) this.#sync(branch, "turn");
    else if (chance < 60) this.#sync(branch, "push");
    else if (chance < 72) this.#sync(branch, "pull");
    else if (chance < 76) this.#sync(branch, "reset");
    else if (chance < 80) this.#sync(branch, "hydrate");
    else this.crew.begin(branch, `read-${random.integer(1, 2)}`, "audit", () => branch.audit());
  }

  crash(): void {
    this.crew.crash();
  }

  async finish(): Promise<void> {
    await this.crew.comeToRest();
    const contents = new Set<string>();
    for (const branch of this.crew.processes) {
      await branch.sync("pull");
      invariant(branch.state === "synced", `${branch.name} comes to rest`);
      contents.add(await this.#examine(branch.database));
    }
    invariant(contents.size === 1, "all branches read the same");
  }

  /** All rows, as a text; every line that a push was acknowledged for is among them. */
  async #examine(database: Database): Promise<string> {
    const check = await database.prepare("pragma integrity_check").pluck().all();
    invariant(check.length === 1 && check[0] === "ok", `the database is whole: ${check}`);
    const lines = await database.prepare("select * from line order by branch, n").raw().all();
    const found = new Set(lines.map(([branch, n]) => `${branch} ${n}`));
    for (const { branch } of this.crew.processes) {
      const { name, pushed } = branch;
      for (const line of pushed) invariant(found.has(`${name} ${line}`), `${name}: line ${line}`);
    }
    const accounts = await database.prepare("select * from account order by id").raw().all();
    return JSON.stringify([accounts, lines]);
  }

  async #found(): Promise<VolumeId> {
    return await openMaker(this.#world, async (database) => {
      await database.exec(SCHEMA);
      await database.push();
    });
  }

  #sync(branch: BankReplica, action: BankAction): void {
    this.crew.begin(branch, "sync", action, () => branch.sync(action));
  }
}
