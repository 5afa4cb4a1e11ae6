import { FAULT_NAMES } from "../faults.ts";
import type { SimulationOptions } from "../simulate.ts";
import { carryOut, type Outcome } from "./outcome.ts";

/**
 * A smaller run that fails too: fewer steps first, then without each kind of fault and without each
 * process that it does not take. Greedy; what is left need not be the smallest.
 */
export async function shrink(failed: Outcome): Promise<Outcome> {
  let smallest = await withFewerSteps(failed);
  for (const name of FAULT_NAMES) {
    const without = [...(smallest.run.without ?? []), name];
    smallest = await tryInstead(smallest, { ...smallest.run, without });
  }
  for (const name of failed.processNames) {
    const mute = [...(smallest.run.mute ?? []), name];
    smallest = await tryInstead(smallest, { ...smallest.run, mute });
  }
  return await withFewerSteps(smallest);
}

/** To the step that broke; or, when it broke at rest, by halves. */
async function withFewerSteps(failed: Outcome): Promise<Outcome> {
  let smallest = failed;
  if (failed.step < failed.run.steps) {
    smallest = await tryInstead(failed, { ...failed.run, steps: failed.step + 1 });
  }
  for (let share = 0.5; share > 0.01; share /= 2) {
    const fewer = Math.ceil(smallest.run.steps * (1 - share));
    if (fewer >= smallest.run.steps) continue;
    smallest = await tryInstead(smallest, { ...smallest.run, steps: fewer });
  }
  return smallest;
}

async function tryInstead(known: Outcome, run: SimulationOptions): Promise<Outcome> {
  const outcome = await carryOut(run);
  return outcome.failure === undefined ? known : outcome;
}
