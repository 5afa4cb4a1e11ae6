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
import { SNAPSHOT_NAME, SnapshotVfs } from "./snapshot-vfs.ts";
import type { RunMessage, ThreadMessage, ThreadSetup } from "./thread-messages.ts";

const port = parentPort;
invariant(port !== null, "this file is the whole of a thread");
const { engine, buffer, heapMaxBytes } = workerData as ThreadSetup;
const channel = new QueryChannel(buffer);
await warmUp();

for (;;) {
  const vfs = new SnapshotVfs();
  const instance = await createInstance(vfs);
  const next = new Promise<RunMessage>((resolve) => port.once("message", resolve));
  tell({ kind: "ready" });
  const ask = (index: number): void => tell({ kind: "page", index });
  const run = await next;
  tell({ kind: "end", ...runQuery(run, { instance, vfs, channel, ask, computedMs }) });
}

/** The first statement of a thread compiles much of SQLite: it is not to be somebody's. */
async function warmUp(): Promise<void> {
  const vfs = new SnapshotVfs();
  const instance = await createInstance(vfs);
  vfs.use({ pageSize: 512, pageCount: 0, read: () => undefined });
  const sql = "with a(b) as (values (1), (2)) select count(*), max(b) from a order by 1";
  const statements = [{ sql, parameters: [] }];
  instance.run({ filename: SNAPSHOT_NAME, statements, mayGoOn: () => true });
}

function createInstance(vfs: SnapshotVfs): Promise<ConfinedInstance> {
  const means = { clock: systemClock, random: systemRandom };
  return ConfinedInstance.create(engine, { vfs, heapMaxBytes, ...means });
}

/** Where the runtime cannot tell (Node 22): time passed, which on a busy machine is more. */
function computedMs(): number {
  if (process.threadCpuUsage === undefined) return systemClock.monotonicMs();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function tell(message: ThreadMessage): void {
  port?.postMessage(message);
}
