/**
 * Memory that does not grow with the database: real processes over a `file:` store, each of which
 * must stay within its limit whatever the size. `GRAFT_SCALE_MIB` says how large (default
 * "1024,4096").
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Measured,
  type MeasuredServer,
  runMeasured,
  serveMeasured,
} from "../harness/measured-graft.ts";
import { integrityOf, pageHash } from "../harness/page-hash.ts";
import { createSyntheticDatabase } from "./synthetic-database.ts";

const MIB = 1024 * 1024;
const SIZES_MIB = (process.env.GRAFT_SCALE_MIB ?? "1024,4096").split(",").map(Number);
const PEAK_MAX_MIB = 300;
/** The database, its volume, a replica and a copy, before and after every page is written anew. */
const DISK_PER_SIZE = 6;

const directory = mkdtempSync(join(tmpdir(), "graft-scale-"));
const peaks: Record<string, string> = {};
let server: MeasuredServer;

beforeAll(async () => {
  const needed = Math.max(...SIZES_MIB) * DISK_PER_SIZE;
  const { bavail, bsize } = statfsSync(directory);
  const free = Math.floor((bavail * bsize) / MIB);
  if (free < needed) {
    throw new Error(
      `${free} MiB are free at ${directory}, expected ${needed}: GRAFT_SCALE_MIB=1024 needs less`,
    );
  }
  server = await serveMeasured(["serve", "--port", "0", "--store", `file:${directory}/store`]);
});

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
  console.table(peaks);
});

/** Runs a command as a client of its own directory, and holds it to its limit. */
async function run(
  name: string,
  client: string,
  words: readonly string[],
  options: { readonly onLook?: (pid: number) => void } = {},
): Promise<Measured> {
  const place = ["--path", join(directory, client), "--url", server.url];
  const measured = await runMeasured([...words, ...place], options);
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  const [mine, theirs] = [mib(measured.peakBytes), mib(server.peakBytes())];
  peaks[name] = `${measured.seconds.toFixed(1)} s, client ${mine} MiB, server so far ${theirs} MiB`;
  expect(mine, `${name}: peak of the client, MiB`).toBeLessThanOrEqual(PEAK_MAX_MIB);
  expect(theirs, `${name}: peak of the server, MiB`).toBeLessThanOrEqual(PEAK_MAX_MIB);
  return measured;
}

/** Exports what a client has, and gives the hash of its pages. */
async function exported(client: string, name: string, tag: string = "t"): Promise<string> {
  const file = join(directory, `${name}.db`);
  await run(name, client, ["export", tag, file]);
  expect(integrityOf(file)).toBe("ok");
  const hash = pageHash(file);
  rmSync(file);
  return hash;
}

/** Bytes of the largest file that a process has open and that has no name any more. */
function unnamedBytes(pid: number): number {
  let largest = 0;
  try {
    for (const name of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${name}`;
      if (!/\.spill \(deleted\)$/.test(readlinkSync(path))) continue;
      largest = Math.max(largest, statSync(path).size);
    }
  } catch {
    // It has ended, or has closed the file meanwhile.
  }
  return largest;
}

describe.each(SIZES_MIB)("a database of %i MiB", (mib) => {
  const [a, b] = [`a-${mib}`, `b-${mib}`];
  const source = join(directory, `${mib}.db`);
  let volume: string;

  beforeAll(() => createSyntheticDatabase(source, mib * MIB));

  afterAll(() => {
    const objects = join(directory, "store", "volumes", volume);
    for (const path of [objects, join(directory, a), join(directory, b)]) {
      rmSync(path, { recursive: true, force: true });
    }
  });

  it("is imported", async () => {
    const { answer } = await run(`import of ${mib} MiB`, a, ["import", source, "--tag", "t"]);
    volume = String(answer.volume);
    rmSync(join(directory, a), { recursive: true, force: true });
  });

  it("is hydrated by a fresh replica, and exported as it was", async () => {
    await run(`clone of ${mib} MiB`, b, ["clone", volume, "--tag", "t"]);
    await run(`hydrate of ${mib} MiB`, b, ["hydrate", "t"]);
    const hash = pageHash(source);
    rmSync(source);
    expect(await exported(b, `export of ${mib} MiB`)).toBe(hash);
  });

  it("has every row of a table updated in one transaction, and is pushed", async () => {
    const update = "update noise set body = randomblob(980)";
    let spilled = 0;
    await run(`update of ${mib} MiB`, b, ["sql", "t", update], {
      onLook: (pid) => {
        spilled = Math.max(spilled, unnamedBytes(pid));
      },
    });
    expect(spilled / MIB, "the journal is in a file without a name").toBeGreaterThan(16);
    await run(`push of the update of ${mib} MiB`, b, ["push", "t"]);
  });

  it("is vacuumed as a whole", async () => {
    await run(`vacuum of ${mib} MiB`, b, ["sql", "t", "vacuum"]);
    await exported(b, `export after the vacuum of ${mib} MiB`);
  });
});

describe("a database of 64 MiB, a half of whose rows were deleted", () => {
  it("is vacuumed with journal and temporary files that have no name, and is pushed", async () => {
    const file = join(directory, "small.db");
    createSyntheticDatabase(file, 64 * MIB);
    const { answer } = await run("import of 64 MiB", "v", ["import", file, "--tag", "v"]);
    await run("hydrate of 64 MiB", "v", ["hydrate", "v"]);
    let spilled = 0;
    const sql = "delete from prose where id % 2 = 0; vacuum";
    await run("vacuum of 64 MiB", "v", ["sql", "v", sql], {
      onLook: (pid) => {
        spilled = Math.max(spilled, unnamedBytes(pid));
      },
    });
    expect(spilled / MIB, "the largest file without a name").toBeGreaterThan(16);
    await run("push of the vacuum", "v", ["push", "v"]);
    await run("clone of 64 MiB", "w", ["clone", String(answer.volume), "--tag", "v"]);
    expect(await exported("w", "vacuumed, elsewhere", "v")).toBe(
      await exported("v", "vacuumed, here", "v"),
    );
  });
});
