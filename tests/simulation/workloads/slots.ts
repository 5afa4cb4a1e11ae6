import type { World } from "../world/world.ts";

/**
 * Actions on their way, by who does what: at most one of a kind for each replica at a time. What a
 * killed replica had begun is forgotten.
 */
export class Slots {
  readonly #world: World;
  readonly #busy = new Map<string, symbol>();

  constructor(world: World) {
    this.#world = world;
  }

  get busyCount(): number {
    return this.#busy.size;
  }

  /** Who is busy with what. */
  get busyNames(): readonly string[] {
    return [...this.#busy].map(([key, token]) => `${key}: ${token.description}`);
  }

  /** Begins an action unless its slot is taken. */
  begin(owner: string, slot: string, name: string, run: () => Promise<string>): void {
    const key = `${owner} ${slot}`;
    if (this.#busy.has(key)) return;
    const token = Symbol(name);
    this.#busy.set(key, token);
    const { history } = this.#world;
    history.note(`${owner} ${name}`);
    run().then(
      (result) => {
        if (this.#end(key, token)) history.note(`${owner} ${name}: ${result}`);
      },
      (error: unknown) => {
        if (this.#end(key, token)) this.#world.breaks(error);
      },
    );
  }

  forget(owner: string): void {
    for (const key of [...this.#busy.keys()]) {
      if (key.startsWith(`${owner} `)) this.#busy.delete(key);
    }
  }

  #end(key: string, token: symbol): boolean {
    if (this.#busy.get(key) !== token) return false;
    this.#busy.delete(key);
    return true;
  }
}
