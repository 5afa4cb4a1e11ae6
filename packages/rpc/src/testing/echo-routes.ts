import type { ConnectRouter } from "@connectrpc/connect";
import { GraftError } from "@graft/core";
import { MetastoreService } from "@graft/proto-gen/metastore";
import { nothingWritten } from "../error-mapping.ts";

/**
 * A MetaStore that knows no volume: `CreateVolume` answers the page size it was sent,
 * `GetSnapshot` fails in a different way for each LSN, `Watch` beats once for each volume and then
 * waits for the end.
 */
export function echoRoutes(router: ConnectRouter): void {
  router.service(MetastoreService, {
    createVolume: ({ pageSize }) => ({ pageSize, created: true }),
    getSnapshot({ lsn }) {
      if (lsn === 1n) throw new TypeError("a secret of this server");
      throw new GraftError("rejected", "base 7 is not the head", {
        details: { ...nothingWritten, retryAfterMs: 20, lsn: 7, volume: "v" },
      });
    },
    async *watch({ volumes }, { signal }) {
      for (const _ of volumes) yield { event: { case: "heartbeat", value: { draining: false } } };
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
  });
}
