import { runProgram } from "./run-program.ts";

/** Tests of a stage. A check that is no test run counts as one failed test, or as none. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface StageResult {
  readonly isOk: boolean;
  readonly counts: Counts;
  /** What to print: nothing when all is well, the details of a failure else. */
  readonly report: string;
}

/** One step of `pnpm test`. */
export interface Stage {
  readonly name: string;
  run(): Promise<StageResult>;
}

export const NO_TESTS: Counts = { passed: 0, failed: 0, skipped: 0 };

/** A stage that is one program: it fails when the program does, and then shows what it printed. */
export function programStage(name: string, ...command: readonly string[]): Stage {
  return {
    name,
    async run(): Promise<StageResult> {
      const { isOk, output } = await runProgram(command);
      if (isOk) return { isOk, counts: NO_TESTS, report: "" };
      return { isOk, counts: { ...NO_TESTS, failed: 1 }, report: output };
    },
  };
}

export function addCounts(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}
