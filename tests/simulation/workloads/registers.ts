/** Numbered pages, written, cut off and grown again on several replicas that push and pull. */
import type { Remote, SyncPolicy } from "@graft/client";
import {
  invariant,
  type PageSize,
  toPageCount,
  toPageIndex,
  toPageSize,
  type VolumeId,
} from "@graft/core";
import { tagPage } from "../../harness/pages.ts";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { Crew } from "./crew.ts";
import { LocalHistory } from "./local-history.ts";
import { RegisterModel } from "./register-model.ts";
import { RegisterReplica, type ReplicaModel, type SyncAction } from "./register-replica.ts";
import type { Workload } from "./workload.ts";

const MACHINE_COUNT = 3;
const PROCESS_COUNT_MAX = 2;
/**
 * Page size, and page count at most. Above 128 KiB together a push goes through segments; above 1
 * MiB a commit's pages go to slots of the local store, not to its log. Large ones take long, and
 * are rare.
 */
const SHAPES: readonly (readonly [PageSize, number])[] = [
  [toPageSize(512), 40],
  [toPageSize(512), 12],
  [toPageSize(4096), 12],
  [toPageSize(4096), 40],
];
const LARGE_SHAPES: typeof SHAPES = [
  [toPageSize(16_384), 14],
  [toPageSize(65_536), 5],
  [toPageSize(65_536), 32],
];
const LARGE_CHANCE = 0.08;
/** Of the processes, how many keep themselves current. */
const LIVE_CHANCE = 0.5;

interface Shape {
  readonly pageCountMax: number;
  readonly cacheSizeMax: number;
}

export class Registers implements Workload {
  readonly #world: World;
  readonly #model = new RegisterModel();
  readonly crew: Crew<RegisterReplica>;
  #lastTag = 0;

  constructor(world: World) {
    this.#world = world;
    this.crew = new Crew(world);
    world.watchCommits((record) => this.#model.landed(record));
  }

  async start(): Promise<void> {
    const { random } = this.#world;
    const [pageSize, pageCountMax] = random.pick(
      random.chance(LARGE_CHANCE) ? LARGE_SHAPES : SHAPES,
    );
    const shape = { pageCountMax, cacheSizeMax: pageSize * random.pick([3, 10, 1000]) };
    const maker = this.#world.createMachine("maker");
    const means = maker.start();
    const runtime = await maker.openRuntime(means, { remote: this.#observedMaker(means.remote) });
    const first = await runtime.createVolume({ pageSize });
    const writer = first.openWriter();
    writer?.write(toPageIndex(1), tagPage(pageSize, ++this.#lastTag));
    writer?.commit({ pageCount: toPageCount(1) });
    await first.push();
    await runtime.close();
    for (let at = 0; at < MACHINE_COUNT; at++) {
      await this.#openReplicas(this.#world.createMachine(`client-${at}`), first.volumeId, shape);
    }
  }

  async #openReplicas(machine: Machine, volumeId: VolumeId, shape: Shape): Promise<void> {
    const model: ReplicaModel = {
      byVersion: new Map(),
      history: new LocalHistory(),
      versionMin: 0,
    };
    const processCount = this.#world.random.integer(1, PROCESS_COUNT_MAX);
    const { random } = this.#world;
    for (let at = 0; at < processCount; at++) {
      const policy: SyncPolicy = {
        pages: random.pick(["eager", "lazy", "full"]),
        pushDelayMs: random.pick([0, 0, 50]),
      };
      const replica = new RegisterReplica({
        world: this.#world,
        name: `${machine.name}.${at}`,
        machine,
        replica: model,
        model: this.#model,
        volumeId,
        ...shape,
        nextTag: () => ++this.#lastTag,
        ...(random.chance(LIVE_CHANCE) && { policy, resetsItself: random.chance(0.5) }),
      });
      await replica.open();
      this.crew.processes.push(replica);
    }
  }

  act(): void {
    const { random } = this.#world;
    const replica = this.crew.draw();
    if (replica === undefined) return;
    if (replica.isDiverged && random.chance(0.4)) {
      this.#sync(replica, "reset");
      return;
    }
    const chance = random.integer(0, 99);
    if (chance < 20) {
      this.crew.begin(replica, "commit", "commit", async () => {
        replica.commit();
        return "done";
      });
    } else if (chance < 45) this.#sync(replica, "turn");
    else if (chance < 58) this.#sync(replica, "push");
    else if (chance < 70) this.#sync(replica, "pull");
    else if (chance < 74) this.#sync(replica, "reset");
    else if (chance < 78) this.#sync(replica, "hydrate");
    else if (chance < 84) this.crew.begin(replica, "pin", "pin", () => replica.turnPin());
    else {
      const how = random.pick(["all", "one"] as const);
      this.crew.begin(replica, "read", `read ${how}`, () => replica.read(how));
    }
  }

  crash(): void {
    this.crew.crash();
  }

  async finish(): Promise<void> {
    await this.crew.comeToRest();
    for (const replica of this.crew.processes) await replica.arriveAtHead();
    for (const replica of this.crew.processes) {
      await replica.sync("pull");
      await replica.examine();
      const { state, remote } = replica.volume.status();
      invariant(state === "synced", `${replica.name} comes to rest`);
      invariant(remote.lsn === this.#model.head, `${replica.name} is at the head`);
    }
  }

  #sync(replica: RegisterReplica, action: SyncAction): void {
    this.crew.begin(replica, "sync", action, () => replica.sync(action));
  }

  /** The volume's first commit is asked for like any other. */
  #observedMaker(remote: Remote): Remote {
    return {
      ...remote,
      commit: async (request, signal) => {
        this.#model.asked(request);
        return await remote.commit(request, signal);
      },
    };
  }
}
