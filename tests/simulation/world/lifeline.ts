/**
 * A node that may die at any moment. What it asks for after its death is neither done nor answered;
 * what it had asked for may still be done, and nobody hears of it.
 */
import { type Clock, type FileSystem, GraftError } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";
import { BUCKET, type Network } from "./network.ts";

export class Lifeline {
  /** Of the machine, as the network knows it. */
  readonly name: string;
  readonly #death = Promise.withResolvers<never>();
  readonly #connections = new AbortController();
  #isAlive = true;

  constructor(name: string) {
    this.name = name;
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

  /** Aborted when the node dies: what it had asked of others ends there. */
  get signal(): AbortSignal {
    return this.#connections.signal;
  }

  cut(): void {
    this.#isAlive = false;
    const reset = new GraftError("unavailable", "the connection was reset");
    this.#death.reject(reset);
    this.#connections.abort(reset);
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

/** How far a node's wall clock is off, ms. It may jump, also backwards. */
export interface ClockSkew {
  ms: number;
}

/** Time for a node: the dead do not wake. */
export function mortalClock(clock: Clock, lifeline: Lifeline, skew: ClockSkew): Clock {
  return {
    nowMs: () => clock.nowMs() + skew.ms,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => lifeline.through(() => clock.sleep(ms, signal)),
  };
}

export interface MortalStoreParts {
  readonly lifeline: Lifeline;
  readonly network: Network;
  /** Keys that a living node is creating. */
  readonly awaited: Set<string>;
}

/** The object store for a node: the dead do not ask, and do not hear; nor do those cut off. */
export function mortalStore(
  store: ObjectStore,
  { lifeline, network, awaited }: MortalStoreParts,
): ObjectStore {
  const ask = <T>(call: () => Promise<T>): Promise<T> =>
    lifeline.through(() => network.ask(lifeline.name, BUCKET, call));
  return {
    name: store.name,
    get: (key, options) => ask(() => store.get(key, options)),
    head: (key, options) => ask(() => store.head(key, options)),
    put: (key, body, options) => ask(() => store.put(key, body, options)),
    create: (key, body, options) =>
      ask(async () => {
        awaited.add(key);
        try {
          return await store.create(key, body, options);
        } finally {
          awaited.delete(key);
        }
      }),
    delete: (key, options) => ask(() => store.delete(key, options)),
    list: (prefix, options) => store.list(prefix, options),
    serverTimeMs: () => store.serverTimeMs(),
    close: async () => undefined,
  };
}

/** What a dead process is told by its disk. */
const DEAD = "the process is dead";

/** Whether somebody failed because he is dead: nobody hears of it. */
export function isOfTheDead(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one.message === DEAD) return true;
  }
  return false;
}

/** The disk for a node: what the dead touch fails. Their open files are the disk's own affair. */
export function mortalFileSystem(disk: FileSystem, lifeline: Lifeline): FileSystem {
  return new Proxy(disk, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...parameters: unknown[]): unknown => {
        if (!lifeline.isAlive) throw new GraftError("io", DEAD);
        return Reflect.apply(member, target, parameters);
      };
    },
  });
}
