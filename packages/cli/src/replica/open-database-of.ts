import type { Volume } from "@graft/client";
import { Database, SpillArea } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { Surroundings } from "../surroundings.ts";
import type { Replica } from "./open-replica.ts";

/** SQLite on a volume that is open. The volume stays open when it is closed. */
export async function openDatabaseOf(
  volume: Volume,
  { path, runtime }: Replica,
  { clock, fileSystem, random }: Pick<Surroundings, "clock" | "fileSystem" | "random">,
): Promise<Database> {
  const engine = await loadNodeEngine();
  const save = { fileSystem, directory: `${path}/saved` };
  const directory = runtime.temporaryPath ?? `${path}/tmp`;
  const spill = new SpillArea({ disk: { fileSystem, directory, random } });
  return new Database({ volume, engine, clock, random, save, spill });
}
