import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./run-program.ts";
import type { Stage, StageResult } from "./stage.ts";
import { type JsonReport, summarise } from "./vitest-report.ts";

/** A stage that is one vitest project. Dots and failures are shown while it runs. */
export function vitestStage(project: string): Stage {
  return {
    name: project,
    async run(): Promise<StageResult> {
      const folder = mkdtempSync(join(tmpdir(), "graft-test-"));
      const file = join(folder, "report.json");
      const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${file}`];
      const command = ["vitest", "run", "--project", project, "--passWithNoTests", ...reporters];
      try {
        const { isOk } = await runProgram(command, { isStreamed: true });
        return summarise(readReport(file), isOk);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

/** Undefined when vitest fell over before it could write one. */
function readReport(file: string): JsonReport | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as JsonReport;
  } catch {
    return undefined;
  }
}
