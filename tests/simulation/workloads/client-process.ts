/** A client's process: it opens its replica on a machine, dies at any moment, and starts again. */

import type { Volume } from "@graft/client";
import { invariant } from "@graft/core";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";
import { weatherOf } from "./weather.ts";

export type Death = "kill" | "power-loss";

/** Pushes and resets until a replica that nobody disturbs is at rest. */
const SYNC_ROUNDS_MAX = 20;

/** Ms in which news must arrive: a watch that was refused is tried again after 60 s. */
const ARRIVAL_MS_MAX = 180_000;

export interface ClientProcessParts {
  readonly world: World;
  /** A name for the process. */
  readonly name: string;
  readonly machine: Machine;
}

/** `T` is what it has open. */
export abstract class ClientProcess<T> {
  readonly name: string;
  readonly machine: Machine;
  /** As its last answer said: asking for the status would show it what other processes did. */
  isDiverged = false;
  protected readonly world: World;
  #opened: T | undefined;
  /** Grows with each process, so that what a dead one answers is not heard. */
  #life = 0;
  #process: Process | undefined;

  constructor({ world, name, machine }: ClientProcessParts) {
    this.world = world;
    this.name = name;
    this.machine = machine;
  }

  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** Where its sync stands: `synced`, `diverged`, … */
  abstract get state(): string;

  /** Talks to the server. Answers what became of it; bad weather is an answer too. */
  abstract sync(action: "push" | "pull" | "reset"): Promise<string>;

  protected get opened(): T {
    invariant(this.#opened !== undefined, "the process is open");
    return this.#opened;
  }

  /** Grows with each start and death. */
  protected get life(): number {
    return this.#life;
  }

  /** True for as long as the process lives that has this open. */
  protected isStill(opened: T): boolean {
    return this.#opened === opened;
  }

  /** What it answers; "dead" when the process dies first. */
  protected orDeath(answer: Promise<string>): Promise<string> {
    const death = this.#process?.lifeline.death ?? Promise.reject();
    return Promise.race([answer, death.catch(() => "dead")]);
  }

  /** Opens the replica in a process that has just been started. */
  protected abstract boot(process: Process): Promise<T>;

  async open(): Promise<void> {
    const life = ++this.#life;
    this.#process = this.machine.start();
    const opened = await this.boot(this.#process);
    if (life === this.#life) this.#opened = opened;
  }

  /** Starts the process again after a while, unless it was killed once more by then. */
  async reopenAfter(ms: number): Promise<string> {
    let life = this.#life;
    for (;;) {
      await this.world.clock.sleep(ms);
      if (life !== this.#life) return "killed before it started";
      try {
        await this.open();
        return "opened";
      } catch (error) {
        // Who cannot start with a disk that fails is started again.
        if (weatherOf(error, this.world) !== "io") throw error;
        this.world.history.reach("could not start");
        this.#process?.kill();
        life = this.#life;
      }
    }
  }

  /** Notes in the history what the volume tells of itself, for as long as the process lives. */
  protected listen(volume: Volume): void {
    const life = this.#life;
    const { history } = this.world;
    const { leaders, pushed } = this.machine;
    volume.on("transaction", ({ fate, appTransactionId: id = "?" }) => {
      if (life !== this.#life || fate === "local") return;
      history.note(`  ${this.name}: ${id} is ${fate}`);
      history.reach(`transaction ${fate}`);
      if (fate === "pushed") pushed.add(id);
      else if (pushed.has(id)) this.world.breaks(new Error(`${id} is ${fate} after it was pushed`));
    });
    volume.on("status", ({ sync }) => {
      if (life !== this.#life || sync?.role !== "leader" || leaders.at(-1) === this.name) return;
      leaders.push(this.name);
      if (leaders.length > 1) history.reach("leader takeover");
    });
  }

  /** The process dies: on its own, unless the power is lost anyway. */
  die(how: Death): void {
    this.#life++;
    this.#opened = undefined;
    if (how === "kill") this.#process?.kill();
  }

  /** Pushes, or gives up what cannot be pushed, until the replica is synced. */
  async comeToRest(): Promise<void> {
    for (let round = 0; round < SYNC_ROUNDS_MAX && this.state !== "synced"; round++) {
      await this.sync(this.state === "diverged" ? "reset" : "push");
    }
    invariant(this.state === "synced", `${this.name} comes to rest, not ${this.state}`);
  }

  /** A replica that keeps itself current gets there without being asked. */
  protected async arrive(volume: Volume, lsn: bigint): Promise<void> {
    const { clock, history } = this.world;
    const endMs = clock.monotonicMs() + ARRIVAL_MS_MAX;
    while (volume.status().remote.lsn !== lsn || volume.status().state !== "synced") {
      const { state, remote, lastError } = volume.status();
      const where = `${state} at LSN ${remote.lsn} after ${lastError?.error.message}`;
      invariant(clock.monotonicMs() < endMs, `${this.name} arrives at LSN ${lsn}, not ${where}`);
      await clock.sleep(100);
    }
    history.reach("arrived by itself");
  }
}
