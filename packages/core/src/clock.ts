/** The only door to time. */
export interface Clock {
  /** Wall time, ms since 1970. May jump in both directions; use it for timestamps only. */
  nowMs(): number;
  /** Ms since an arbitrary start; never goes back. Use it for timeouts and measurements. */
  monotonicMs(): number;
  /** Resolves after at least `ms`. Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
