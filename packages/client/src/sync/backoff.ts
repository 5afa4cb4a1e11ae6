import { backoffDelayMs, isGraftError, type Random, randomUnit, retryAfterMsOf } from "@graft/core";

/** It doubles with each further failure in a row. Jittered. */
const DELAY = { firstDelayMs: 250, delayMaxMs: 30_000 } as const;
/** What is refused for good is tried this seldom: a right may be given. */
const REFUSED_MS = 60_000;

/** When to try again what failed. */
export class Backoff {
  readonly #random: Random;
  #failureCount = 0;
  #dueMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Whether the last try failed. */
  get isFailing(): boolean {
    return this.#failureCount > 0;
  }

  /** Monotonic ms before which nothing is tried; 0 after a success. */
  get dueMs(): number {
    return this.#dueMs;
  }

  fail(error: unknown, nowMs: number): void {
    this.#failureCount++;
    // A token may be renewed at any moment; other refusals take somebody who changes something.
    const isRefused =
      isGraftError(error) && !error.isRepeatable && error.code !== "unauthenticated";
    const delayMs = isRefused
      ? jittered(REFUSED_MS, this.#random)
      : Math.max(
          backoffDelayMs(DELAY, this.#failureCount, this.#random),
          // A busy server says how long it wants to be left alone.
          retryAfterMsOf(error),
        );
    this.#dueMs = nowMs + delayMs;
  }

  succeed(): void {
    this.#failureCount = 0;
    this.#dueMs = 0;
  }
}

/** Between half of it and all of it, so that clients that began together do not stay together. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.5 + randomUnit(random) / 2);
}
