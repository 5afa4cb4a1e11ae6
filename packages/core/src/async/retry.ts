import { invariant } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GraftError } from "../error.ts";
import { type Random, randomUnit } from "../random.ts";

/** How often and how patiently. */
export interface RetryPolicy {
  /** Calls at the most, the first one counted, ≥ 1. Infinity: until the signal ends it. */
  readonly attemptsMax: number;
  /** The wait after the first failure, before jitter. It doubles with each further one. */
  readonly firstDelayMs: number;
  /** The wait never grows beyond this. */
  readonly delayMaxMs: number;
}

/** Five calls within ≈ 1.5 s: outlives a dropped connection, not an outage. */
export const RETRY_POLICY_DEFAULT: RetryPolicy = {
  attemptsMax: 5,
  firstDelayMs: 100,
  delayMaxMs: 5_000,
};

/**
 * A `retryAfterMs` above this is cut to it: a broken server must not silence a client for a day.
 */
export const RETRY_AFTER_MAX_MS: number = 5 * 60 * 1000;

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: `RETRY_POLICY_DEFAULT`. */
  readonly policy?: RetryPolicy;
  /** Ends the waiting at once; it is also handed to each attempt. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the same call may be made again. Default: a `GraftError` that says so. */
  readonly isRepeatable?: (error: unknown) => boolean;
  /** Told before each wait, for logs and metrics. */
  readonly onRetry?: (retry: { attempt: number; delayMs: number; error: unknown }) => void;
}

/**
 * Calls until it succeeds, fails for good, or the attempts are used up; then the last error is
 * thrown as it is. Only for calls that may be repeated: an unknown outcome is safe only with the
 * same id.
 *
 * @param call gets the attempt's number, from 1
 */
export async function retry<T>(
  options: RetryOptions,
  call: (attempt: number, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { clock, random, signal, policy = RETRY_POLICY_DEFAULT } = options;
  const isRepeatable = options.isRepeatable ?? isRepeatableError;
  invariant(policy.attemptsMax >= 1, "at least one attempt is made");
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await call(attempt, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= policy.attemptsMax || !isRepeatable(error)) throw error;
      const delayMs = Math.max(backoffDelayMs(policy, attempt, random), retryAfterMsOf(error));
      options.onRetry?.({ attempt, delayMs, error });
      await clock.sleep(delayMs, signal);
    }
  }
}

/**
 * How long to wait after the `attempt`-th failure in a row, from 1: uniform between half of the
 * doubled delay and all of it, so that clients that failed together do not return together.
 */
export function backoffDelayMs(
  policy: Pick<RetryPolicy, "firstDelayMs" | "delayMaxMs">,
  attempt: number,
  random: Random,
): number {
  invariant(attempt >= 1, "attempts count from 1");
  const fullMs = Math.min(policy.delayMaxMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return fullMs * (0.5 + randomUnit(random) / 2);
}

function isRepeatableError(error: unknown): boolean {
  return error instanceof GraftError && error.isRepeatable;
}

/**
 * How long the other side asked to be left alone, in `details.retryAfterMs`, ms: at most
 * `RETRY_AFTER_MAX_MS`; 0 when it asked for nothing sensible.
 */
export function retryAfterMsOf(error: unknown): number {
  const asked = error instanceof GraftError ? error.details.retryAfterMs : undefined;
  if (typeof asked !== "number" || !(asked > 0)) return 0;
  return Math.min(asked, RETRY_AFTER_MAX_MS);
}
