/** A run, and what became of it, as they travel between processes. */
import { inspect } from "node:util";
import { type SimulationOptions, simulate } from "../simulate.ts";

/** Frames of a stack that say where a claim broke. */
const STACK_LINES_MAX = 12;

export interface Outcome {
  readonly run: SimulationOptions;
  readonly digest: string;
  /** What broke, as text; undefined when all held. */
  readonly failure: string | undefined;
  /** The step at which it broke. */
  readonly step: number;
  readonly trace: readonly string[];
  readonly reached: readonly (readonly [path: string, times: number])[];
  readonly processNames: readonly string[];
  /** Seconds of one processor. */
  readonly seconds: number;
}

export async function carryOut(run: SimulationOptions): Promise<Outcome> {
  const start = process.cpuUsage();
  const { digest, error, step, trace, reached, processNames } = await simulate(run);
  const failure = error === undefined ? undefined : inspect(error, { depth: 1 });
  return {
    run,
    digest,
    failure: failure?.split("\n").slice(0, STACK_LINES_MAX).join("\n"),
    step,
    trace,
    reached: [...reached],
    processNames,
    seconds: process.cpuUsage(start).user / 1e6,
  };
}

/** The command that repeats a run. */
export function commandOf({ seed, steps, workload, without, mute }: SimulationOptions): string {
  const words = [`pnpm simulate --workload ${workload} --seed ${seed} --steps ${steps}`];
  if (without?.length) words.push(`--without ${without.join(",")}`);
  if (mute?.length) words.push(`--mute ${mute.join(",")}`);
  return words.join(" ");
}

/** What a run is known by. */
export function lastLineOf({ run, digest, failure }: Outcome): string {
  const verdict = failure === undefined ? "ok" : "failed";
  return `history sha256:${digest} seed:${run.seed} steps:${run.steps} ${verdict}`;
}
