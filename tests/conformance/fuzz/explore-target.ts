/** Follows the coverage: an input that reaches new code becomes one to be damaged further. */
import { SeededRandom } from "@graft/core/testing";
import type { BlockCoverage } from "./block-coverage.ts";
import { addToCorpus, keepFinding, readCorpus } from "./corpus.ts";
import { FUZZ_SEED } from "./fuzz-seed.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { Finding, runInput } from "./run-input.ts";
import { nextInput } from "./run-target.ts";

/** Inputs between two looks at the coverage: a look takes tens of milliseconds. */
const BATCH_COUNT = 200;
const BATCH_MS = 400;
/** Findings after which a target is left: they are often the same. */
const FINDING_COUNT_MAX = 5;

export interface Exploration {
  readonly inputs: number;
  /** Inputs that reached new code. */
  readonly kept: number;
  readonly findings: readonly string[];
}

/** Runs until the time is over. */
export async function exploreTarget(
  target: FuzzTarget,
  ms: number,
  coverage: BlockCoverage,
): Promise<Exploration> {
  // Another stream each time: what was tried yesterday need not be tried again.
  const random = new SeededRandom(FUZZ_SEED + Math.floor(performance.timeOrigin));
  const queue = [...(await target.seeds(random)), ...readCorpus(target.name)];
  const findings: string[] = [];
  let inputs = 0;
  let kept = 0;
  const run = async (input: Uint8Array): Promise<void> => {
    inputs++;
    try {
      await runInput(target, input);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      findings.push(`${keepFinding(target.name, error.input)}: ${error.message}`);
    }
  };
  /** Which inputs of a batch reached new code: by halves, since a look takes longer than a run. */
  const attribute = async (batch: readonly Uint8Array[]): Promise<void> => {
    for (const input of batch) await run(input);
    const fresh = coverage.take();
    const [input] = batch;
    if (fresh.length === 0 || input === undefined) return;
    if (batch.length > 1) {
      const half = batch.length >>> 1;
      await attribute(batch.slice(0, half));
      await attribute(batch.slice(half));
      return;
    }
    coverage.note(fresh);
    queue.push(input);
    kept++;
    addToCorpus(target.name, input);
  };
  for (const input of queue) await run(input);
  coverage.note(coverage.take());
  const endMs = performance.now() + ms;
  while (performance.now() < endMs && findings.length < FINDING_COUNT_MAX) {
    const batch: Uint8Array[] = [];
    const batchEndMs = performance.now() + BATCH_MS;
    while (batch.length < BATCH_COUNT && performance.now() < batchEndMs) {
      const input = nextInput(target, queue, random);
      batch.push(input);
      await run(input);
    }
    if (coverage.take().length > 0) await attribute(batch);
  }
  return { inputs, kept, findings };
}
