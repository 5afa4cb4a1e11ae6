/** SQLite files of strangers: taken apart by the import, and run by the engine. */
import type { GraftErrorCode } from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { openImport } from "@graft/sqlite";
import { EngineInstance, MemoryContent, MemoryVfs, SqliteError } from "@graft/sqlite-engine";
import { loadNodeEngine } from "@graft/sqlite-engine/node";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt } from "../oracle.ts";
import { type LoggedDatabase, seedDatabases, seedLoggedDatabase } from "../seed-databases.ts";

const CODES: readonly GraftErrorCode[] = ["corrupt", "invalid-argument"];
const PATH = "/in.db";

/** Imports what lies on the disk: every page is read. @returns whether it was found sound */
async function importsAll(disk: SimulatedDisk): Promise<boolean> {
  const clock = new SimulatedClock({ mode: "auto" });
  const read = await attempt(async () => {
    using source = await openImport({ fileSystem: disk, clock, path: PATH });
    let last = 0;
    for (const { index, data } of source.pages()) {
      if (index <= last || index > source.pageCount) throw new Error(`page ${index} after ${last}`);
      if (data.length !== source.pageSize) throw new Error("a page has another size");
      last = index;
    }
    return true;
  }, CODES);
  return read === true;
}

function put(disk: SimulatedDisk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, "create");
  file.write(bytes, 0);
  file.close();
}

export const importTarget: FuzzTarget = {
  name: "import",
  count: 4000,
  seeds: async () => seedDatabases(),
  async run(bytes) {
    const disk = new SimulatedDisk();
    put(disk, PATH, bytes);
    return importsAll(disk);
  },
};

const WAL_HEADER_SIZE = 32;
const FRAME_HEADER_SIZE = 24;
let logged: LoggedDatabase | undefined;

/** The running checksums of a log, over as many frames as its page size makes. */
function resealWal(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < WAL_HEADER_SIZE) return copy;
  const view = new DataView(copy.buffer);
  const isLittleEndian = (view.getUint32(0) & 1) === 0;
  const sums: [number, number] = [0, 0];
  const add = (from: number, to: number): void => {
    for (let at = from; at + 8 <= to; at += 8) {
      sums[0] = (sums[0] + view.getUint32(at, isLittleEndian) + sums[1]) | 0;
      sums[1] = (sums[1] + view.getUint32(at + 4, isLittleEndian) + sums[0]) | 0;
    }
  };
  const write = (at: number): void => {
    view.setUint32(at, sums[0]);
    view.setUint32(at + 4, sums[1]);
  };
  add(0, 24);
  write(24);
  const frameSize = FRAME_HEADER_SIZE + 512;
  for (let at = WAL_HEADER_SIZE; at + frameSize <= copy.length; at += frameSize) {
    copy.copyWithin(at + 8, 16, 24);
    add(at, at + 8);
    add(at + FRAME_HEADER_SIZE, at + frameSize);
    write(at + 16);
  }
  return copy;
}

export const importWalTarget: FuzzTarget = {
  name: "import-wal",
  count: 2500,
  async seeds() {
    logged ??= seedLoggedDatabase();
    return [logged.wal];
  },
  reseal: resealWal,
  async run(bytes) {
    logged ??= seedLoggedDatabase();
    const disk = new SimulatedDisk();
    put(disk, PATH, logged.main);
    put(disk, `${PATH}-wal`, bytes);
    return importsAll(disk);
  },
};

/** What an application would do first. */
const QUERIES: readonly string[] = [
  "select type, name, tbl_name, rootpage, sql from sqlite_schema",
  "select count(*), sum(length(body)), min(name) from item",
  "select * from item order by name",
  "select * from pair where a > 3",
  "select * from names",
  "insert into pair values (1000, 'x')",
  "update item set name = name || '!' where id % 2 = 0",
  "delete from item where id > 20",
  "pragma integrity_check(20)",
  "vacuum",
];
/** A statement that runs longer is interrupted, as an application would. */
const STATEMENT_TIMEOUT_MS = 1000;

export const databaseTarget: FuzzTarget = {
  name: "database",
  count: 250,
  // The last one is of UTF-16, which this build cannot read (docs/compatibility.md).
  seeds: async () => seedDatabases().slice(0, -1),
  async run(bytes) {
    const content = new MemoryContent();
    content.write(bytes, 0);
    const vfs = new MemoryVfs(new Map([["hostile.db", content]]));
    const means = { clock: new SimulatedClock({ mode: "auto" }), random: new SeededRandom(3) };
    const engine = await loadNodeEngine();
    const heapMaxBytes = 64 * 1024 * 1024;
    let isSound = false;
    await using db = await EngineInstance.open(engine, {
      ...means,
      vfs,
      filename: "hostile.db",
      heapMaxBytes,
    });
    for (const sql of QUERIES) {
      try {
        await using statement = await db.prepare(sql);
        const signal = AbortSignal.timeout(STATEMENT_TIMEOUT_MS);
        const rows = await statement.raw().with({ signal }).all();
        if (sql.startsWith("pragma")) isSound = rows[0]?.[0] === "ok";
      } catch (error) {
        if (!(error instanceof SqliteError) && !isTimeout(error)) throw error;
      }
      if (db.isBroken) throw new Error(`SQLite crashed in "${sql}"`);
    }
    await mustStillWork(db);
    return isSound;
  },
};

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

/** A connection that can read the schema reckons as before, whatever else it was given to read. */
async function mustStillWork(db: EngineInstance): Promise<void> {
  try {
    await using statement = await db.prepare("select 6 * 7");
    if ((await statement.pluck().get()) !== 42) throw new Error("the connection does not reckon");
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error;
  }
}
