import type { VolumeId } from "@graft/core";
import { type Database, openDatabaseWith } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { DATA_PATH } from "../world/machine.ts";
import type { World } from "../world/world.ts";

const engine = await loadNodeEngine();

/** A client that only makes the volume: `fill` leaves it pushed. */
export async function openMaker(
  world: World,
  fill: (database: Database) => Promise<void>,
): Promise<VolumeId> {
  const { clock, random, fileSystem, remote } = world.createMachine("maker").start();
  const database = await openDatabaseWith(
    { engine, clock, random, fileSystem, openRemote: () => remote },
    { url: "simulated", path: DATA_PATH, pageSize: world.random.pick([512, 1024, 4096]) },
  );
  try {
    await fill(database);
    return database.volume.volumeId;
  } finally {
    await database.close();
  }
}
