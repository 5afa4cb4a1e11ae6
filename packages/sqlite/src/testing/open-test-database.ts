import { systemClock, systemRandom } from "@graft/core/node";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import { Database, type DatabaseOptions } from "../database.ts";
import { FakeVolume } from "./fake-volume.ts";

const engine = await loadNodeEngine();

/** A database on a fake volume, for tests. */
export function openTestDatabase(
  options: Partial<DatabaseOptions> & { readonly volume?: FakeVolume } = {},
): { readonly db: Database; readonly volume: FakeVolume } {
  const volume = options.volume ?? new FakeVolume();
  const means = { engine, clock: systemClock, random: systemRandom };
  return { volume, db: new Database({ ...means, idleMs: 60_000, ...options, volume }) };
}
