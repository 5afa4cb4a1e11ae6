/** What may go wrong without being anybody's fault. */
import { isGraftError } from "@graft/core";
import { SqliteError } from "@graft/sqlite-engine";
import type { World } from "../world/world.ts";

const CODES: readonly string[] = ["unavailable", "diverged", "busy", "busy-snapshot"];
const SQL_CODES: readonly string[] = ["SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"];
/** Of a disk that is full, or fails. */
const DISK_CODES = /^SQLITE_(FULL|IOERR|CANTOPEN)/;
/** What was asked in bad weather, and others wait for, may fail for so long after it, ms. */
const CLEARS_MS = 60_000;

/** The code of a failure that may happen to anybody; undefined for any other. */
export function weatherOf(error: unknown, world: World): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (isGraftError(one, "corrupt") && world.isSpoiling) return one.code;
    if (isGraftError(one, "corrupt") && world.cluster.store.bucket.names(one.message)) {
      world.history.reach("missing object named");
      return one.code;
    }
    if (isGraftError(one, "io") && world.isDiskBroken) return one.code;
    if (isGraftError(one)) return CODES.includes(one.code) ? one.code : undefined;
    if (one instanceof SqliteError && one.codeName === "SQLITE_CORRUPT") {
      if (world.isSpoiling) return one.codeName;
      continue;
    }
    if (one instanceof SqliteError && DISK_CODES.test(one.codeName) && world.isDiskBroken) {
      return one.codeName;
    }
    if (one instanceof SqliteError && SQL_CODES.includes(one.codeName)) return one.codeName;
  }
  return undefined;
}

/** What it answers, or the weather that kept it from it. */
export async function orWeather(world: World, run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    const code = weatherOf(error, world);
    if (code === undefined) throw error;
    return code;
  }
}

/** Does it again until the weather of before has passed, also for those who join what hangs. */
export async function afterWeather<T>(world: World, run: () => Promise<T>): Promise<T> {
  const endMs = world.clock.monotonicMs() + CLEARS_MS;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const isOver = world.clock.monotonicMs() > endMs;
      if (isOver || weatherOf(error, world) === undefined) throw error;
      await world.clock.sleep(1_000);
    }
  }
}
