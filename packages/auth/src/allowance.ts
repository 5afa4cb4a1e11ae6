import type { Verdict } from "./may.ts";

/** Tokens with a limit that are remembered; at ≈ 200 bytes each, 2 MiB. */
const TOKEN_COUNT_MAX = 10_000;

/**
 * What was written under scopes with `maxBytes`, by token, since this process started. Kept for the
 * tokens that wrote last.
 */
export class Allowances {
  readonly #written = new Map<string, Map<number, number>>();

  /**
   * Takes room for bytes, in the first scope that has it. False: there is none left, and nothing
   * was taken.
   *
   * @param token names the token, and is no secret
   */
  take(token: string, verdict: Extract<Verdict, { kind: "granted" }>, sizeBytes: number): boolean {
    if (verdict.budgets === undefined || sizeBytes === 0) return true;
    const written = this.#written.get(token) ?? new Map<number, number>();
    for (const { scope, maxBytes } of verdict.budgets) {
      const before = written.get(scope) ?? 0;
      if (before + sizeBytes > maxBytes) continue;
      written.set(scope, before + sizeBytes);
      this.#remember(token, written);
      return true;
    }
    return false;
  }

  #remember(token: string, written: Map<number, number>): void {
    this.#written.delete(token);
    this.#written.set(token, written);
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= TOKEN_COUNT_MAX) break;
      this.#written.delete(oldest);
    }
  }
}
