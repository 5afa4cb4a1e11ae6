/**
 * A node that may die at any moment. What it asks for after its death is neither done nor answered;
 * what it had asked for may still be done, and nobody hears of it.
 */
import { type Clock, type FileSystem, GraftError } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";

export class Lifeline {
  readonly #death = Promise.withResolvers<never>();
  #isAlive = true;

  constructor() {
    // Most nodes die while nobody waits for them.
    this.#death.promise.catch(() => undefined);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Rejects when the node dies: for those who wait for its answer. */
  get death(): Promise<never> {
    return this.#death.promise;
  }

  cut(): void {
    this.#isAlive = false;
    this.#death.reject(new GraftError("unavailable", "the connection was reset"));
  }

  /** A call of this node to the world around it. */
  async through<T>(call: () => Promise<T>): Promise<T> {
    if (!this.#isAlive) return await never();
    try {
      const answer = await call();
      return this.#isAlive ? answer : await never();
    } catch (error) {
      if (this.#isAlive) throw error;
      return await never();
    }
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

export interface MortalClockOptions {
  /** How far the node's wall clock is off, ms. */
  readonly skewMs?: number;
}

/** Time for a node: the dead do not wake. */
export function mortalClock(
  clock: Clock,
  lifeline: Lifeline,
  { skewMs = 0 }: MortalClockOptions = {},
): Clock {
  return {
    nowMs: () => clock.nowMs() + skewMs,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => lifeline.through(() => clock.sleep(ms, signal)),
  };
}

/** The object store for a node: the dead do not ask, and do not hear. */
export function mortalStore(store: ObjectStore, lifeline: Lifeline): ObjectStore {
  return {
    name: store.name,
    get: (key, options) => lifeline.through(() => store.get(key, options)),
    head: (key, options) => lifeline.through(() => store.head(key, options)),
    put: (key, body, options) => lifeline.through(() => store.put(key, body, options)),
    create: (key, body, options) => lifeline.through(() => store.create(key, body, options)),
    delete: (key, options) => lifeline.through(() => store.delete(key, options)),
    list: (prefix, options) => store.list(prefix, options),
    serverTimeMs: () => store.serverTimeMs(),
    close: async () => undefined,
  };
}

/** The disk for a node: what the dead touch fails. Their open files are the disk's own affair. */
export function mortalFileSystem(disk: FileSystem, lifeline: Lifeline): FileSystem {
  return new Proxy(disk, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...parameters: unknown[]): unknown => {
        if (!lifeline.isAlive) throw new GraftError("io", "the process is dead");
        return Reflect.apply(member, target, parameters);
      };
    },
  });
}
