import { mustValue } from "../arguments.ts";
import type { Command } from "../command.ts";
import { NOTIFY_FLAG, SERVER_FLAGS } from "../flags.ts";
import { programName } from "../program-name.ts";
import { serveAllInOne } from "../server/all-in-one.ts";
import { describeListening } from "../server/describe-listening.ts";
import { diskCacheValues } from "../server/disk-cache-values.ts";
import { guardValue } from "../server/guard-value.ts";
import { notifyValue } from "../server/notify-value.ts";
import { runQueriesValue } from "../server/run-queries-value.ts";
import { runServer } from "../server/run-server.ts";

/** `graft serve --port N --store URL [--cache DIR]`: both services in one process on one port. */
export const serve: Command = {
  name: "serve",
  summary: "MetaStore and PageStore in one process, on one port",
  serves: true,
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [NOTIFY_FLAG, ...SERVER_FLAGS],
  async run(invocation) {
    const store = mustValue(invocation, "store", "GRAFT_STORE");
    const diskCache = diskCacheValues(invocation);
    const runQueries = runQueriesValue(invocation);
    const notify = notifyValue(invocation);
    const guard = guardValue(invocation);
    const program = programName(invocation.surroundings.environment);
    await runServer(invocation, {
      role: "server",
      store,
      serve: (listening, means) =>
        serveAllInOne(
          { ...listening, storeUrl: store, diskCache, runQueries, notify, guard },
          means,
        ),
      describe: (url) => describeListening({ url, store, program }),
    });
  },
};
