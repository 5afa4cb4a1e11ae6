import { FRAME_CACHE_SIZE_DEFAULT, servePagestore } from "@graft/pagestore";
import { mustValue } from "../arguments.ts";
import type { Command } from "../command.ts";
import { SERVER_FLAGS } from "../flags.ts";
import { diskCacheValues } from "../server/disk-cache-values.ts";
import { guardValue } from "../server/guard-value.ts";
import { runQueriesValue } from "../server/run-queries-value.ts";
import { runServer } from "../server/run-server.ts";

/** `graft pagestore --port N --store URL --metastore URL`: pages alone. */
export const pagestore: Command = {
  name: "pagestore",
  summary: "the PageStore alone: pages",
  serves: true,
  positionals: "",
  positionalCount: { min: 0, max: 0 },
  flags: [
    {
      name: "metastore",
      value: "URL",
      help: "where commits are learnt of",
      environment: "GRAFT_METASTORE",
    },
    ...SERVER_FLAGS,
  ],
  async run(invocation) {
    const store = mustValue(invocation, "store", "GRAFT_STORE");
    const metastore = mustValue(invocation, "metastore", "GRAFT_METASTORE");
    const guard = guardValue(invocation);
    const diskCache = diskCacheValues(invocation);
    const runQueries = runQueriesValue(invocation);
    await runServer(invocation, {
      role: "pagestore",
      store,
      serve: (listening, means) =>
        servePagestore(
          {
            ...listening,
            storeUrl: store,
            metastoreUrl: metastore,
            frameCacheSize: FRAME_CACHE_SIZE_DEFAULT,
            diskCache,
            runQueries,
            guard,
          },
          means,
        ),
      describe: (url) =>
        `graft pagestore listens on ${url}, and keeps its data in ${store}\n` +
        `next: graft import FILE.db --tag mine --url ${metastore} --pagestore-url ${url}`,
    });
  },
};
