import type { Volume } from "@graft/client";
import { present } from "@graft/rpc";
import { Database, type DatabaseOptions, SpillArea } from "@graft/sqlite";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { Surroundings } from "../surroundings.ts";
import type { Replica } from "./open-replica.ts";

/** SQLite on a volume that is open. The volume stays open when it is closed. */
export async function openDatabaseOf(
  volume: Volume,
  { path, runtime }: Replica,
  {
    clock,
    fileSystem,
    random,
    tracer,
  }: Pick<Surroundings, "clock" | "fileSystem" | "random" | "tracer">,
  options: Pick<DatabaseOptions, "recordStatements"> = {},
): Promise<Database> {
  const engine = await loadNodeEngine();
  const save = { fileSystem, directory: `${path}/saved` };
  const directory = runtime.temporaryPath ?? `${path}/tmp`;
  const spill = new SpillArea({ disk: { fileSystem, directory, random } });
  return new Database({
    ...options,
    volume,
    engine,
    clock,
    random,
    save,
    spill,
    ...present({ tracer }),
  });
}
