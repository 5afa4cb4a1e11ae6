/**
 * Checks that the generated code is what the protos give: generates it anew beside, and compares.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./repository/files.ts";
import { type Finding, reportFindings } from "./repository/finding.ts";
import { runProgram } from "./stages/run-program.ts";

const GENERATED = "packages/proto-gen/src/gen";

const folder = mkdtempSync(join(tmpdir(), "graft-generated-"));
try {
  await mustRun("buf", "lint");
  await mustRun("buf", "generate", "--output", folder);
  reportFindings("generated", compare(join(folder, GENERATED), join(ROOT, GENERATED)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function mustRun(...command: readonly string[]): Promise<void> {
  const { isOk, output } = await runProgram(command);
  if (!isOk) throw new Error(`\`${command.join(" ")}\` failed: ${output}`);
}

function compare(fresh: string, stored: string): readonly Finding[] {
  const [expected, actual] = [filesIn(fresh), filesIn(stored)];
  const findings: Finding[] = [];
  for (const name of new Set([...expected, ...actual])) {
    const path = `${GENERATED}/${name}`;
    const object = (message: string): void => void findings.push({ path, line: 1, message });
    if (!expected.has(name)) object("is generated from nothing, expected no such file");
    else if (!actual.has(name)) object("is missing, expected `pnpm generate` before the commit");
    else if (read(fresh, name) !== read(stored, name)) {
      object("differs from its proto, expected `pnpm generate` before the commit");
    }
  }
  return findings;
}

function filesIn(folder: string): ReadonlySet<string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return new Set(names.filter((name) => name.endsWith(".ts")));
}

function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), "utf8");
}
