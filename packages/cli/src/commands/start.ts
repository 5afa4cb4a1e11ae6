import type { Command } from "../command.ts";
import { SERVER_FLAGS } from "../flags.ts";
import { programName } from "../program-name.ts";
import { serveAllInOne } from "../server/all-in-one.ts";
import { describeListening } from "../server/describe-listening.ts";
import { diskCacheValues } from "../server/disk-cache-values.ts";
import { guardValue } from "../server/guard-value.ts";
import { runServer } from "../server/run-server.ts";

const STORE_DEFAULT = "file:./.graft";

/** `graft start`: a server to try things with, which keeps its data in this folder. */
export const start: Command = {
  name: "start",
  summary: "a server on http://127.0.0.1:3000 that keeps its data in ./.graft",
  serves: true,
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: SERVER_FLAGS.map((flag) =>
    flag.name === "store" ? { ...flag, fallback: STORE_DEFAULT } : flag,
  ),
  async run(invocation) {
    const store = invocation.values.get("store") ?? STORE_DEFAULT;
    const diskCache = diskCacheValues(invocation);
    const guard = guardValue(invocation);
    const program = programName(invocation.surroundings.environment);
    await runServer(invocation, {
      role: "server",
      store,
      serve: (listening, means) =>
        serveAllInOne({ ...listening, storeUrl: store, diskCache, guard }, means),
      describe: (url) => describeListening({ url, store, program }),
    });
  },
};
