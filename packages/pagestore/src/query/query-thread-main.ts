/**
 * A thread that runs SQL for its reads, until it is killed. An instance of SQLite serves one run:
 * the next one is made ready while nobody waits for it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "@graft/core";
import { systemClock, systemRandom } from "@graft/core/node";
import { ConfinedInstance } from "@graft/sqlite-engine";
import { QueryChannel } from "./query-channel.ts";
import { runQuery } from "./run-query.ts";
import { SnapshotVfs } from "./snapshot-vfs.ts";
import type { RunMessage, ThreadMessage, ThreadSetup } from "./thread-messages.ts";

const port = parentPort;
invariant(port !== null, "this file is the whole of a thread");
const { engine, buffer, heapMaxBytes } = workerData as ThreadSetup;
const channel = new QueryChannel(buffer);

for (;;) {
  const vfs = new SnapshotVfs();
  const means = { clock: systemClock, random: systemRandom };
  const instance = await ConfinedInstance.create(engine, { vfs, heapMaxBytes, ...means });
  const next = new Promise<RunMessage>((resolve) => port.once("message", resolve));
  tell({ kind: "ready" });
  const ask = (index: number): void => tell({ kind: "page", index });
  const run = await next;
  tell({ kind: "end", ...runQuery(run, { instance, vfs, channel, ask, clock: systemClock }) });
}

function tell(message: ThreadMessage): void {
  port?.postMessage(message);
}
