/** Many inputs through one target, from a seed. */
import { SeededRandom } from "@graft/core/testing";
import { readCorpus } from "./corpus.ts";
import { seedOf } from "./fuzz-seed.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { mutate, noise } from "./mutate.ts";
import { Finding, runInput } from "./run-input.ts";

export interface TargetTally {
  readonly inputs: number;
  readonly accepted: number;
}

/** Noise, valid inputs, damaged ones, and damaged ones whose checksums are right again. */
export function nextInput(
  target: FuzzTarget,
  seeds: readonly Uint8Array[],
  random: SeededRandom,
): Uint8Array {
  const kind = random.integer(0, 19);
  if (kind === 0) return noise(random);
  const seed = random.pick(seeds);
  if (kind === 1) return seed.slice();
  const mutant = mutate(seed, random, seeds);
  return target.reseal === undefined || random.chance(0.15) ? mutant : target.reseal(mutant);
}

/** @throws Finding for the first input that was not taken as it must be */
export async function runTarget(
  target: FuzzTarget,
  count: number = target.count,
): Promise<TargetTally> {
  const random = new SeededRandom(seedOf(target.name));
  const seeds = await target.seeds(random);
  let accepted = 0;
  for (const seed of seeds) {
    if (!(await runInput(target, seed))) throw new Finding(target, seed, "a valid one was refused");
    accepted++;
  }
  const corpus = readCorpus(target.name);
  for (const input of corpus) if (await runInput(target, input)) accepted++;
  let inputs = seeds.length + corpus.length;
  for (; inputs < count; inputs++) {
    if (await runInput(target, nextInput(target, seeds, random))) accepted++;
  }
  return { inputs, accepted };
}
