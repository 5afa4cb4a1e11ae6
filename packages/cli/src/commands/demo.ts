import { GraftError } from "@graft/core";
import type { Command } from "../command.ts";
import { JSON_FLAG } from "../flags.ts";
import { UsageError } from "../usage-error.ts";

/** `graft demo`: the main job end to end, held against stock SQLite. */
export const demo: Command = {
  name: "demo",
  summary: "carry a real database through all of it, and compare with stock SQLite",
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [
    {
      name: "db",
      value: "FILE",
      help: "any SQLite file, which is not written to",
      fallback: "a forum of 65 MB, written from a seed",
    },
    {
      name: "store",
      value: "URL",
      help: "object store to use",
      fallback: "file: in a temporary folder",
    },
    JSON_FLAG,
  ],
  async run({ output, signal, surroundings, values }) {
    const store = values.get("store");
    if (store?.startsWith("memory:") === true) {
      throw new UsageError("--store memory: ends with its server: the demo restarts servers on it");
    }
    const [{ runDemo }, { describeDemo }] = await Promise.all([
      import("../demo/run-demo.ts"),
      import("../demo/describe-demo.ts"),
    ]);
    const { clock } = surroundings;
    const outcome = await runDemo({ file: values.get("db"), store, output, clock, signal });
    output.result(outcome.report, describeDemo(outcome));
    const [failure] = outcome.failures;
    if (failure !== undefined) throw new GraftError("internal", `the demo failed: ${failure}`);
  },
};
