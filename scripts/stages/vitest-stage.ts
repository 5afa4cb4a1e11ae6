import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./run-program.ts";
import type { Stage, StageResult } from "./stage.ts";
import {
  describeFailed,
  filesToLookAtAgain,
  type JsonReport,
  summarise,
  withSecondLook,
} from "./vitest-report.ts";

export interface VitestStageOptions {
  /**
   * Runs files that failed once more, each with the machine to itself: for tests of real processes
   * and real time, which a busy machine may hold up. What failed for a reason fails again; what did
   * not is named in the report. Errors outside of tests get no second look.
   */
  readonly looksTwice?: boolean;
}

/** A stage that is one vitest project. Dots and failures are shown while it runs. */
export function vitestStage(
  project: string,
  { looksTwice = false }: VitestStageOptions = {},
): Stage {
  return {
    name: project,
    async run(): Promise<StageResult> {
      const { isOk, report, output } = await runVitest(project, []);
      const files = looksTwice && !output.includes("Unhandled") ? filesToLookAtAgain(report) : [];
      if (report === undefined || files.length === 0) return summarise(report, isOk);
      const again = await runVitest(project, ["--no-file-parallelism", ...files]);
      const result = summarise(withSecondLook(report, again.report), again.isOk);
      return { ...result, report: describeFailed(report) + result.report };
    },
  };
}

interface VitestRun {
  readonly isOk: boolean;
  readonly output: string;
  readonly report: JsonReport | undefined;
}

async function runVitest(project: string, args: readonly string[]): Promise<VitestRun> {
  const folder = mkdtempSync(join(tmpdir(), "graft-test-"));
  const file = join(folder, "report.json");
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${file}`];
  const command = ["vitest", "run", "--project", project, "--passWithNoTests", ...reporters];
  try {
    const { isOk, output } = await runProgram([...command, ...args], { isStreamed: true });
    return { isOk, output, report: readReport(file) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Undefined when vitest fell over before it could write one. */
function readReport(file: string): JsonReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as JsonReport;
  } catch {
    return undefined;
  }
}
