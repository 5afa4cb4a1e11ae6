import { buildProgram } from "./build-program.ts";
import { PROGRAMS } from "./programs.ts";
for (const program of PROGRAMS.filter(({ name }) => process.argv.includes(name))) {
  const t = performance.now();
  await buildProgram(program);
  console.log(program.name, ((performance.now() - t) / 1000).toFixed(1));
}
