import { join } from "node:path";
import type { Program } from "./program.ts";

/** Generates and compiles a Go module whose `buf.gen.yaml` names plugins of its own `go.mod`. */
export const buildGo: Program["build"] = async ({ copySource, protos, cache, tool, run }) => {
  const [copy, binary] = [copySource(), join(cache, "session")];
  await run(["buf", "generate", protos], { cwd: copy });
  await run([tool("go"), "build", "-o", binary, "."], { cwd: copy });
  return [binary];
};
