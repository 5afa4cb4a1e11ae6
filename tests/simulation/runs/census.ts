import type { Outcome } from "./outcome.ts";

/** What many runs have met together, and how fast they went. */
export class Census {
  readonly reached: Map<string, number> = new Map();
  stepCount = 0;
  runCount = 0;
  /** Of one processor. */
  seconds = 0;

  add({ run, reached, seconds }: Outcome): void {
    this.seconds += seconds;
    this.runCount++;
    this.stepCount += run.steps;
    for (const [path, times] of reached) {
      this.reached.set(path, (this.reached.get(path) ?? 0) + times);
    }
  }

  /** One line for each path, and one for the speed. */
  get lines(): readonly string[] {
    const paths = [...this.reached].sort().map(([path, times]) => `${path}: ${times}`);
    const { runCount, stepCount, seconds } = this;
    const speed = Math.round(stepCount / seconds);
    const total = `${runCount} seeds, ${stepCount} steps in ${Math.round(seconds)} s of CPU`;
    return [...paths, `${total}: ${speed} steps/s`];
  }
}
