import { createNewsFeed } from "@graft/client";
import { type Database, type OpenDatabaseOptions, openDatabaseWith } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { DATA_PATH, HEARTBEAT_MS, type Process } from "../world/machine.ts";

const engine = await loadNodeEngine();

/** SQLite on the machine of a process. */
export function openDatabase(
  { clock, random, fileSystem, remote }: Process,
  options: OpenDatabaseOptions,
): Promise<Database> {
  const means = {
    // Its own, as for a process: what the dead hold of it is not missing here.
    engine: { ...engine },
    clock,
    random,
    fileSystem,
    openRemote: () => remote,
    openNewsFeed: () => createNewsFeed({ remote, clock, random, heartbeatMs: HEARTBEAT_MS }),
  };
  return openDatabaseWith(means, { url: "simulated", path: DATA_PATH, ...options });
}
