/**
 * Builds the programs of `examples/` whose tools are there, and says how long each took: before the
 * tests, which would share the machine with compilers else.
 */
import { buildProgram } from "./build-program.ts";
import { PROGRAMS } from "./programs.ts";
import { findTools } from "./toolchain.ts";

for (const program of PROGRAMS) {
  const missing = [...findTools(program)].filter(([, path]) => path === undefined);
  const startMs = performance.now();
  if (missing.length === 0) await buildProgram(program);
  const seconds = `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  const without = `no ${missing.map(([name]) => name).join(", ")}`;
  console.log(`${program.name.padEnd(12)} ${missing.length === 0 ? seconds : without}`);
}
