import { type Clock, Coalescer, GraftError, isGraftError, orAborted } from "@graft/core";
import type { JSONWebKeySet } from "jose";
import { isRecord } from "./scope.ts";

/** How long a set is used before it is fetched again, ms. */
const FRESH_MS = 600_000;
/** How long a set is used while it cannot be fetched, ms: the provider's outage is not ours. */
const STALE_MS = 24 * 3_600_000;
/** Between fetches that were asked for by a key nobody has, or that failed, ms. */
const COOLDOWN_MS = 30_000;
const TIMEOUT_MS = 5_000;
/** A set has a handful of keys of a kilobyte. */
const SIZE_MAX = 256 * 1024;
const KEY_COUNT_MAX = 64;

export interface JwksOptions {
  /** Where a provider publishes its keys. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

interface Fetched {
  readonly set: JSONWebKeySet;
  readonly atMs: number;
}

/** A provider's public keys: fetched when they are needed, kept, and fetched again. */
export class Jwks {
  readonly #options: JwksOptions;
  readonly #flights = new Coalescer<"set", Fetched>();
  #fetched: Fetched | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: JwksOptions) {
    this.#options = options;
  }

  /** The keys. @throws GraftError `unavailable`: there are none, and none can be fetched */
  async keys(): Promise<JSONWebKeySet> {
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#fetched;
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return known.set;
    const mayWait = known === undefined || nowMs - known.atMs >= STALE_MS;
    // As long as there is something to go by, nobody waits for the provider.
    if (!mayWait) {
      if (this.#mayTry(nowMs)) void this.#fetch().catch(() => undefined);
      return known.set;
    }
    return (await this.#fetch()).set;
  }

  /** The keys as they are now, after one was missing. Undefined: looked at lately. */
  async refreshed(): Promise<JSONWebKeySet | undefined> {
    // Whoever comes while they are fetched waits for them, too.
    const isUnderWay = this.#flights.flightCount > 0;
    if (!isUnderWay && !this.#mayTry(this.#options.clock.monotonicMs())) return undefined;
    return (await this.#fetch()).set;
  }

  #mayTry(nowMs: number): boolean {
    return nowMs - this.#triedMs >= COOLDOWN_MS;
  }

  async #fetch(): Promise<Fetched> {
    return await this.#flights.run("set", async () => {
      const { clock } = this.#options;
      this.#triedMs = clock.monotonicMs();
      const set = await this.#download();
      this.#fetched = { set, atMs: clock.monotonicMs() };
      return this.#fetched;
    });
  }

  async #download(): Promise<JSONWebKeySet> {
    const { url, clock } = this.#options;
    const over = new AbortController();
    const answered = new AbortController();
    const timeout = clock
      .sleep(TIMEOUT_MS, answered.signal)
      .then(() => over.abort(outage(url, `no answer within ${TIMEOUT_MS} ms`)))
      .catch(() => undefined);
    try {
      return await orAborted(this.#read(over.signal), over.signal);
    } catch (error) {
      if (over.signal.aborted) throw over.signal.reason;
      if (isGraftError(error)) throw error;
      throw outage(url, "it cannot be fetched", error);
    } finally {
      answered.abort(new DOMException("answered", "AbortError"));
      await timeout;
    }
  }

  async #read(signal: AbortSignal): Promise<JSONWebKeySet> {
    const { url } = this.#options;
    // A redirect would make another host the judge of our tokens.
    const response = await this.#options.fetch(url, { signal, redirect: "error" });
    if (!response.ok) throw outage(url, `status ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > SIZE_MAX) throw outage(url, `more than ${SIZE_MAX} bytes`);
      chunks.push(chunk);
    }
    return parseSet(url, await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text());
  }
}

function parseSet(url: string, text: string): JSONWebKeySet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw outage(url, "it is no JSON", cause);
  }
  const keys: unknown = isRecord(value) ? value.keys : undefined;
  const isSet = Array.isArray(keys) && keys.length <= KEY_COUNT_MAX && keys.every(isRecord);
  if (!isSet) throw outage(url, `it is no set of at most ${KEY_COUNT_MAX} keys`);
  return { keys: keys as JSONWebKeySet["keys"] };
}

function outage(url: string, why: string, cause?: unknown): GraftError {
  return new GraftError("unavailable", `the keys of ${url}: ${why}`, { cause });
}
