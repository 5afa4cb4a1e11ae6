/** The client processes of a workload: who of them is busy with what, and how they die. */
import type { World } from "../world/world.ts";
import type { ClientProcess } from "./client-process.ts";
import { Slots } from "./slots.ts";
import { orWeather } from "./weather.ts";

/** Ms until a killed process is started again, at most. */
const PAUSE_MS_MAX = 500;

export class Crew<P extends ClientProcess<unknown>> {
  readonly processes: P[] = [];
  readonly slots: Slots;
  readonly #world: World;
  readonly #muted = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    this.slots = new Slots(world);
  }

  get names(): readonly string[] {
    return this.processes.map(({ name }) => name);
  }

  /** These do nothing from now on. */
  mute(names: readonly string[]): void {
    for (const name of names) this.#muted.add(name);
  }

  /** Whose turn it is; undefined when it cannot take it. */
  draw(): P | undefined {
    const drawn = this.#world.random.pick(this.processes);
    return drawn.isOpen && !this.#muted.has(drawn.name) ? drawn : undefined;
  }

  /** Begins an action of a process, unless one of its kind is on its way there. */
  begin(process: P, slot: string, name: string, run: () => Promise<string>): void {
    this.slots.begin(process.name, slot, name, () => orWeather(this.#world, run));
  }

  /** Kills one process, or all of a machine that loses power, and starts them again later. */
  crash(): void {
    const { random, history } = this.#world;
    const struck = random.pick(this.processes);
    const how = random.pick(["kill", "power-loss"] as const);
    history.note(`${struck.name} ${how}`);
    const hasDied = (one: P): boolean =>
      how === "kill" ? one === struck : one.machine === struck.machine;
    const dead = this.processes.filter(hasDied);
    for (const process of dead) {
      this.slots.forget(process.name);
      process.die(how);
    }
    if (how === "power-loss") struck.machine.losePower();
    for (const process of dead) {
      const pauseMs = random.integer(0, PAUSE_MS_MAX);
      this.begin(process, "open", "open", () => process.reopenAfter(pauseMs));
    }
  }

  async comeToRest(): Promise<void> {
    for (const process of this.processes) await process.comeToRest();
  }
}
