import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { ROOT } from "../repository/files.ts";

/** What takes longest, in this order: begun last, one of them would be waited for alone. */
export const SLOW: readonly string[] = [
  "tests/e2e/kill.test.ts",
  "tests/conformance/polyglot/polyglot.test.ts",
  "tests/e2e/random-sql.test.ts",
  "tests/e2e/processes.test.ts",
  "packages/cli/src/demo.integration.test.ts",
  "tests/conformance/libgraft/bank.test.ts",
  "tests/e2e/idle.test.ts",
  "tests/conformance/fuzz/codecs.test.ts",
  "packages/cli/src/bad-input.integration.test.ts",
  "packages/cli/src/servers.integration.test.ts",
  "packages/cli/src/replicas.integration.test.ts",
  "packages/cli/src/outage.integration.test.ts",
  "packages/cli/src/conflicts.integration.test.ts",
  "packages/sqlite/src/connection/many-databases.integration.test.ts",
  "packages/cli/src/interrupt.integration.test.ts",
];

/** Slow files first, the others as vitest has them: by size, or by what they took last time. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one.moduleId) - rank(other.moduleId));
  }
}

/** The place of a file, by its absolute path, among the slow ones; behind all when it is none. */
export function rank(moduleId: string): number {
  const at = SLOW.indexOf(relative(ROOT, moduleId));
  return at < 0 ? SLOW.length : at;
}
