import { serveMetastore } from "@graft/metastore";
import { mustValue } from "../arguments.ts";
import type { Command } from "../command.ts";
import { NOTIFY_FLAG, SERVER_FLAGS } from "../flags.ts";
import { guardValue } from "../server/guard-value.ts";
import { notifyValue } from "../server/notify-value.ts";
import { runServer } from "../server/run-server.ts";

/** `graft metastore --port N --store URL`: commits and snapshots alone. */
export const metastore: Command = {
  name: "metastore",
  summary: "the MetaStore alone: commits and snapshots",
  serves: true,
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [NOTIFY_FLAG, ...SERVER_FLAGS],
  async run(invocation) {
    const store = mustValue(invocation, "store", "GRAFT_STORE");
    const notify = notifyValue(invocation);
    const guard = guardValue(invocation);
    await runServer(invocation, {
      role: "metastore",
      store,
      serve: (listening, means) =>
        serveMetastore({ ...listening, storeUrl: store, notify, guard }, means),
      describe: (url) =>
        `graft metastore listens on ${url}, and keeps its data in ${store}\n` +
        `next: graft pagestore --metastore ${url} --store ${store} --port 3001`,
    });
  },
};
