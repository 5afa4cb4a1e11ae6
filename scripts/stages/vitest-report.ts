import { relative } from "node:path";
import { ROOT } from "../repository/files.ts";
import type { StageResult } from "./stage.ts";

/** What we read of vitest's JSON report. */
export interface JsonReport {
  readonly testResults: readonly JsonFile[];
}

interface JsonFile {
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly JsonTest[];
}

interface JsonTest {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/**
 * Counts, and names the suites that were skipped. A run that failed without a failed test (a file
 * that cannot be loaded, an error nobody awaited, no report at all) counts at least one failed.
 */
export function summarise(report: JsonReport | undefined, isOk: boolean): StageResult {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const skippedSuites = new Map<string, number>();
  for (const file of report?.testResults ?? []) {
    let isExplained = false;
    for (const test of file.assertionResults) {
      if (test.status === "passed") {
        passed++;
      } else if (test.status === "failed") {
        failed++;
        isExplained = true;
      } else {
        skipped++;
        const suite = `${test.ancestorTitles[0] ?? test.title} (${relative(ROOT, file.name)})`;
        skippedSuites.set(suite, (skippedSuites.get(suite) ?? 0) + 1);
      }
    }
    if (file.status === "failed" && !isExplained) failed++;
  }
  if (!isOk && failed === 0) failed = 1;
  const lines = [...skippedSuites].map(([suite, count]) => `skipped ${count}: ${suite}\n`);
  return {
    isOk: isOk && failed === 0,
    counts: { passed, failed, skipped },
    report: lines.join(""),
  };
}
