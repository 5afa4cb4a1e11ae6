/**
 * A rate with room for a burst: it fills by `rate` a second up to `burst`, and each taking empties
 * it. What is known only afterwards (bytes) may be owed: then nothing is taken until it is paid.
 */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;

  /** Full. @param rate a second, > 0 @param nowMs monotonic */
  constructor(rate: number, burst: number, nowMs: number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = nowMs;
  }

  /** How long until `amount` is there, ms; 0: it is. More than a burst is waited for like one. */
  waitMs(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = Math.min(amount, this.#burst) - this.#level;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#rate) * 1000);
  }

  /** Takes it, whether it is there or not. */
  take(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#level -= amount;
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#level = Math.min(this.#burst, this.#level + (passedMs / 1000) * this.#rate);
    this.#atMs = nowMs;
  }
}
