/** A client's process: it opens its replica on a machine, dies at any moment, and starts again. */
import { invariant } from "@graft/core";
import type { Machine, Process } from "../world/machine.ts";
import type { World } from "../world/world.ts";

export type Death = "kill" | "power-loss";

/** Pushes and resets until a replica that nobody disturbs is at rest. */
const SYNC_ROUNDS_MAX = 20;

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
    const life = this.#life;
    await this.world.clock.sleep(ms);
    if (life !== this.#life) return "killed before it started";
    await this.open();
    return "opened";
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
}
