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

/** More than so many are no accident of a busy machine. */
const SECOND_LOOKS_MAX = 6;

/** The files of a run in which tests failed, for a second look; none when there are too many. */
export function filesToLookAtAgain(report: JsonReport | undefined): readonly string[] {
  const files = report?.testResults.filter(({ status }) => status === "failed") ?? [];
  return files.length > SECOND_LOOKS_MAX ? [] : files.map(({ name }) => name);
}

/** The report with what the second look saw in its place. */
export function withSecondLook(first: JsonReport, second: JsonReport | undefined): JsonReport {
  const seen = new Map(second?.testResults.map((file) => [file.name, file]));
  return { testResults: first.testResults.map((file) => seen.get(file.name) ?? file) };
}

/** A line for each test of the first report that had failed. */
export function describeFailed(report: JsonReport): string {
  const lines = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ title }) => `looked at again: ${title} (${relative(ROOT, file.name)})\n`),
  );
  return lines.join("");
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
