/**
 * Which blocks of our code ran, from V8 itself: no build step, no instrumented copy, the code that
 * is tested is the code that is run.
 */
import { Session } from "node:inspector";

interface CoverageRange {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface CoverageReport {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly CoverageRange[] }[];
  }[];
}

/** Counts blocks from when it is made until it is closed. One at a time in a process. */
export class BlockCoverage implements Disposable {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** How many different blocks were noted. */
  get blockCount(): number {
    return this.#seen.size;
  }

  /** Blocks that ran since the last take and were never noted. */
  take(): readonly string[] {
    const report = this.#post("Profiler.takePreciseCoverage") as CoverageReport;
    const fresh: string[] = [];
    for (const { url, functions } of report.result) {
      if (!url.includes("/packages/") || url.includes("/node_modules/")) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${url}:${startOffset}-${endOffset}`;
          if (count > 0 && !this.#seen.has(block)) fresh.push(block);
        }
      }
    }
    return fresh;
  }

  note(blocks: readonly string[]): void {
    for (const block of blocks) this.#seen.add(block);
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  /** The profiler answers at once. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}
