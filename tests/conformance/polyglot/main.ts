/**
 * Builds the programs of `examples/` whose tools are there, and says how long each took: before the
 * tests, which would share the machine with compilers else. What fails here fails there again.
 */
import { buildProgram } from "./build-program.ts";
import type { Program } from "./program.ts";
import { PROGRAMS } from "./programs.ts";
import { findTools } from "./toolchain.ts";

for (const program of PROGRAMS) {
  const startMs = performance.now();
  const outcome = await build(program);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`${program.name.padEnd(12)} ${seconds.padStart(6)} s  ${outcome}`);
}

async function build(program: Program): Promise<string> {
  const missing = [...findTools(program)].filter(([, path]) => path === undefined);
  if (missing.length > 0) return `not built without ${missing.map(([name]) => name).join(", ")}`;
  try {
    await buildProgram(program);
    return "";
  } catch (error) {
    process.exitCode = 1;
    return `not built: ${error instanceof Error ? error.message : error}`;
  }
}
