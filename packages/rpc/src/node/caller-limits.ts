import { hash } from "node:crypto";
import { type Clock, GraftError } from "@graft/core";
import { nothingWritten } from "../error-mapping.ts";
import type { MetricsRegistry } from "../metrics.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What each token, and each address, may do; absent: whatever there is room for. */
export interface CallerLimits {
  /** Calls begun a second. */
  readonly requestsPerSecond?: number | undefined;
  /** Bytes of requests and answers a second, as messages, without headers. */
  readonly bytesPerSecond?: number | undefined;
  /** Calls open at once, streams of news among them. */
  readonly openCalls?: number | undefined;
}

/** Of the rates, as many seconds may be used at once after a rest: opening a replica is a burst. */
const BURST_SECONDS = 5;
/** Callers remembered: ≈ 400 bytes each. Who was forgotten has a full burst again. */
const CALLER_COUNT_MAX = 10_000;
/** What a caller with too many open calls is told to wait, ms: one of them may take this long. */
const OPEN_WAIT_MS = 1000;

interface Caller {
  readonly requests: TokenBucket | undefined;
  readonly bytes: TokenBucket | undefined;
  openCount: number;
}

/** A call that was let in. */
export interface OpenCall {
  /** Bytes came, or left. */
  count(size: number): void;
  /** It is over. Once. */
  end(): void;
}

/**
 * Counts calls and bytes by token and by address. A token is known by its hash, and need not be
 * valid: an address that makes tokens up is still one address.
 */
export class CallerLimiter {
  readonly #limits: CallerLimits;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #callers = new Map<string, Caller>();
  #refusedCount = 0;

  constructor(limits: CallerLimits, clock: Clock, metrics: MetricsRegistry) {
    this.#limits = limits;
    this.#clock = clock;
    const refused = "Calls sent away because their token or address did too much.";
    metrics.callback("counter", "graft_calls_limited_total", refused, () => [
      { labels: {}, value: this.#refusedCount },
    ]);
  }

  /** How many callers are remembered. */
  get callerCount(): number {
    return this.#callers.size;
  }

  /** Lets a call in, or says why not and when to come again: nothing was done for it. */
  enter(address: string, authorization: string | undefined): OpenCall | GraftError {
    const nowMs = this.#clock.monotonicMs();
    const callers = [this.#caller(`address ${address}`, nowMs)];
    if (authorization !== undefined) callers.push(this.#caller(keyOf(authorization), nowMs));
    for (const [at, caller] of callers.entries()) {
      const refusal = this.#refusalOf(caller, at === 0 ? "this address" : "this token", nowMs);
      if (refusal !== undefined) return refusal;
    }
    for (const caller of callers) {
      caller.requests?.take(1, nowMs);
      caller.openCount++;
    }
    return {
      count: (size) => {
        for (const { bytes } of callers) bytes?.take(size, this.#clock.monotonicMs());
      },
      end: () => {
        for (const caller of callers) caller.openCount--;
      },
    };
  }

  #refusalOf(caller: Caller, who: string, nowMs: number): GraftError | undefined {
    const { openCalls, requestsPerSecond, bytesPerSecond } = this.#limits;
    if (openCalls !== undefined && caller.openCount >= openCalls) {
      return this.#refuse(`${who} has ${openCalls} calls open`, OPEN_WAIT_MS);
    }
    const forRequests = caller.requests?.waitMs(1, nowMs) ?? 0;
    if (forRequests > 0) {
      return this.#refuse(`${who} made more than ${requestsPerSecond} calls a second`, forRequests);
    }
    const forBytes = caller.bytes?.waitMs(1, nowMs) ?? 0;
    if (forBytes === 0) return undefined;
    return this.#refuse(`${who} moved more than ${bytesPerSecond} bytes a second`, forBytes);
  }

  #refuse(why: string, retryAfterMs: number): GraftError {
    this.#refusedCount++;
    const what = `nothing was done, repeat the request in ${retryAfterMs} ms`;
    const details = { ...nothingWritten, retryAfterMs };
    return new GraftError("unavailable", `${why}, the most that is allowed: ${what}`, { details });
  }

  #caller(key: string, nowMs: number): Caller {
    const caller = this.#callers.get(key) ?? this.#newCaller(nowMs);
    this.#callers.delete(key);
    this.#callers.set(key, caller);
    if (this.#callers.size > CALLER_COUNT_MAX) this.#forgetOne();
    return caller;
  }

  #newCaller(nowMs: number): Caller {
    const { requestsPerSecond, bytesPerSecond } = this.#limits;
    return {
      requests: bucketOf(requestsPerSecond, nowMs),
      bytes: bucketOf(bytesPerSecond, nowMs),
      openCount: 0,
    };
  }

  /** Whoever has calls open is kept: these are bounded by themselves. */
  #forgetOne(): void {
    for (const [key, { openCount }] of this.#callers) {
      if (openCount > 0) continue;
      this.#callers.delete(key);
      return;
    }
  }
}

function bucketOf(rate: number | undefined, nowMs: number): TokenBucket | undefined {
  return rate === undefined ? undefined : new TokenBucket(rate, rate * BURST_SECONDS, nowMs);
}

/** Tokens are not kept. */
function keyOf(authorization: string): string {
  return hash("sha256", authorization, "base64");
}
