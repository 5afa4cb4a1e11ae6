/** A client's machine: a disk that may lose power, and a process on it that may die. */
import { type Remote, Runtime } from "@graft/client";
import type { Clock, FileSystem, Random } from "@graft/core";
import { SimulatedDisk } from "@graft/core/testing";
import { Lifeline, mortalClock, mortalFileSystem } from "./lifeline.ts";
import type { World } from "./world.ts";

export const DATA_PATH = "/data";

export interface ProcessMeans {
  readonly lifeline: Lifeline;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly remote: Remote;
}

export class Machine {
  readonly name: string;
  readonly disk: SimulatedDisk;
  readonly #world: World;
  #process: { readonly lifeline: Lifeline; readonly kill: () => void } | undefined;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.disk = new SimulatedDisk({ random: world.random.fork(), clock: world.clock });
  }

  get isRunning(): boolean {
    return this.#process?.lifeline.isAlive ?? false;
  }

  /** Starts the client's process; what it is made of dies with it. */
  start(): ProcessMeans {
    const { clock, random, cluster } = this.#world;
    const lifeline = new Lifeline();
    const process = this.disk.openProcess();
    this.#process = { lifeline, kill: () => process.kill() };
    return {
      lifeline,
      clock: mortalClock(clock, lifeline),
      random: random.fork(),
      fileSystem: mortalFileSystem(process, lifeline),
      remote: cluster.openRemote(this.name, lifeline),
    };
  }

  /** Opens the client's runtime on its data directory. */
  openRuntime(means: ProcessMeans, remote: Remote = means.remote): Promise<Runtime> {
    const { clock, random, fileSystem } = means;
    return Runtime.open({
      remote,
      clock,
      random,
      directory: { path: DATA_PATH, fileSystem },
    });
  }

  /** kill -9: what was written is there, also when it was not flushed. */
  kill(): void {
    this.#world.history.reach("client killed");
    this.#process?.lifeline.cut();
    this.#process?.kill();
  }

  /** Power loss: what was not flushed is there or not, sector by sector. */
  losePower(): void {
    this.#world.history.reach("power lost");
    this.#process?.lifeline.cut();
    this.disk.crash();
  }
}
