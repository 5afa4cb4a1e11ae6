/** The local store's files: log, index, mark, one by one and as a store that is opened. */

import { Runtime } from "@graft/client";
import {
  examineDirectory,
  examineIndexFile,
  examineLogFile,
  examineStore,
  examineSyncedMark,
} from "@graft/client/inspect";
import {
  concatBytes,
  type FileSystem,
  type GraftErrorCode,
  toPageIndex,
  type VolumeId,
} from "@graft/core";
import { SeededRandom, SimulatedClock, SimulatedDisk } from "@graft/core/testing";
import { Cluster } from "../../../harness/cluster.ts";
import { commitPages, readTags } from "../../../harness/pages.ts";
import type { FuzzTarget } from "../fuzz-target.ts";
import { attempt } from "../oracle.ts";
import { xxh32 } from "../xxh32.ts";

const CODES: readonly GraftErrorCode[] = ["corrupt", "invalid-argument", "not-found"];
const FILE_HEADER_SIZE = 64;
const PATH = "/file";

/** A data directory after a session: pushes, a pull, local commits, and its files by path. */
interface StoredSession {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly volumeId: VolumeId;
  readonly volumePath: string;
}

let session: Promise<StoredSession> | undefined;

function storedSession(): Promise<StoredSession> {
  session ??= createSession();
  return session;
}

async function createSession(): Promise<StoredSession> {
  const random = new SeededRandom(5);
  const clock = new SimulatedClock({ mode: "auto" });
  const disk = new SimulatedDisk({ random });
  await using cluster = await Cluster.start({ clock, random });
  const directory = { path: "/data", fileSystem: disk };
  const client = await cluster.openClient({ directory });
  const other = await cluster.openClient();
  const volume = await client.createVolume();
  commitPages(volume, { 1: 1, 2: 2, 9: 9 }, 12);
  await volume.push();
  const copy = await other.openVolume(volume.volumeId);
  await copy.pull();
  commitPages(copy, { 2: 20, 3: 30 }, 12);
  await copy.push();
  await volume.pull();
  await readTags(volume);
  commitPages(volume, { 4: 40 }, 6);
  commitPages(volume, { 5: 50, 6: 60 }, 6);
  await client.close();
  const files = new Map<string, Uint8Array>();
  for (const path of listFiles(disk, "/data")) {
    files.set(path, (await disk.readWhole(path)) ?? new Uint8Array(0));
  }
  const { volumeId } = volume;
  const volumePath = (await examineDirectory("/data", disk)).volumePath(volumeId);
  return { files, volumeId, volumePath };
}

function listFiles(fileSystem: FileSystem, path: string): string[] {
  if (fileSystem.stat(path)?.kind === "file") return [path];
  const names = fileSystem.list(path) ?? [];
  return names.flatMap((name) => listFiles(fileSystem, `${path}/${name}`));
}

async function seedsOf(pattern: RegExp): Promise<readonly Uint8Array[]> {
  const { files } = await storedSession();
  return [...files].filter(([path]) => pattern.test(path)).map(([, bytes]) => bytes);
}

/** Runs on a file that holds the bytes. */
function withFile<T>(bytes: Uint8Array, use: (disk: SimulatedDisk) => T): T {
  const disk = new SimulatedDisk();
  const file = disk.open(PATH, "create");
  file.write(bytes, 0);
  file.close();
  return use(disk);
}

/** Header, then each record names the one before it: docs/formats/local-store.md. */
function resealLog(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < FILE_HEADER_SIZE) return copy;
  const view = new DataView(copy.buffer);
  view.setUint32(60, xxh32(copy.subarray(0, 60)), true);
  const generation = view.getUint32(8, true);
  let previous = xxh32(copy.subarray(0, FILE_HEADER_SIZE));
  let sequence = 1;
  for (let at = FILE_HEADER_SIZE; at + 32 <= copy.length; sequence++) {
    const size = view.getUint32(at + 4, true);
    if (size < 32 || size % 8 !== 0 || at + size > copy.length) break;
    view.setUint32(at + 8, previous, true);
    view.setUint32(at + 12, sequence, true);
    previous = xxh32(copy.subarray(at + 4, at + size), generation);
    view.setUint32(at, previous, true);
    at += size;
  }
  return copy;
}

/** Header, state, blocks of 4096 entries of 16 bytes, each with its checksum behind it. */
function resealIndex(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < FILE_HEADER_SIZE) return copy;
  const view = new DataView(copy.buffer);
  view.setUint32(60, xxh32(copy.subarray(0, 60)), true);
  let size = Number(view.getBigUint64(32, true));
  for (let at = FILE_HEADER_SIZE; at + size + 4 <= copy.length; ) {
    view.setUint32(at + size, xxh32(copy.subarray(at, at + size)), true);
    at += size + 4;
    size = Math.min(4096 * 16, copy.length - at - 4);
    if (size <= 0) break;
  }
  return copy;
}

/** The first 16 bytes have a checksum, and all of it has one. */
function resealMark(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < 64) return copy;
  const view = new DataView(copy.buffer);
  view.setUint32(16, xxh32(copy.subarray(0, 16)), true);
  view.setUint32(60, xxh32(copy.subarray(0, 60)), true);
  return copy;
}

export const storeLogTarget: FuzzTarget = {
  name: "store-log",
  count: 5000,
  seeds: () => seedsOf(/\/log-/),
  reseal: resealLog,
  run: async (bytes) =>
    withFile(bytes, async (disk) => {
      const read = () => examineLogFile(disk.open(PATH, "read"), PATH, () => undefined);
      return (await attempt(read, CODES)) !== undefined;
    }),
};

export const storeIndexTarget: FuzzTarget = {
  name: "store-index",
  count: 3000,
  seeds: () => seedsOf(/\/index-/),
  reseal: resealIndex,
  run: async (bytes) =>
    withFile(bytes, async (disk) => {
      const read = () => examineIndexFile(disk.open(PATH, "read"), PATH);
      return (await attempt(read, CODES)) !== undefined;
    }),
};

export const storeMarkTarget: FuzzTarget = {
  name: "store-mark",
  count: 2000,
  seeds: () => seedsOf(/\/(synced|mark)$/),
  reseal: resealMark,
  run: async (bytes) =>
    withFile(bytes, async (disk) => examineSyncedMark(disk.open(PATH, "read")) !== undefined),
};

const damagedFileCount = 255;

/** byte 0: which file of the store · what it holds instead */
export const storeOpenTarget: FuzzTarget = {
  name: "store-open",
  count: 1200,
  async seeds() {
    const { files } = await storedSession();
    return [...files.values()].map((bytes, at) => concatBytes([Uint8Array.of(at), bytes]));
  },
  reseal(bytes) {
    const inner = bytes.subarray(1);
    const isMark = inner.length === 64 && inner[4] !== 0x4c && inner[4] !== 0x49;
    const resealFile = isMark ? resealMark : inner[4] === 0x4c ? resealLog : resealIndex;
    const resealed = resealFile(inner);
    return concatBytes([bytes.subarray(0, 1), resealed]);
  },
  async run(bytes) {
    const { files, volumeId, volumePath } = await storedSession();
    const victim = (bytes[0] ?? 0) % Math.min(files.size, damagedFileCount);
    const disk = new SimulatedDisk();
    let at = 0;
    for (const [path, original] of files) {
      const content = at++ === victim ? bytes.subarray(1) : original;
      await disk.writeWhole(path, [content], "replace");
    }
    const examined = await attempt(() => {
      using store = examineStore({ fileSystem: disk, directory: volumePath, volumeId });
      const page = new Uint8Array(store.pageSize ?? 4096);
      for (const version of store.pages()) store.read(version, page);
      return true;
    }, CODES);
    return (await opens(disk, volumeId)) && examined === true;
  },
};

/** Opens it for real, reads what is there, writes, and opens it again. */
async function opens(disk: SimulatedDisk, volumeId: VolumeId): Promise<boolean> {
  const { UNREACHABLE } = await import("../../../harness/unreachable-remote.ts");
  const means = { clock: new SimulatedClock(), random: new SeededRandom(9), remote: UNREACHABLE };
  const codes: readonly GraftErrorCode[] = [...CODES, "unavailable"];
  const opened = await attempt(async () => {
    await using client = await Runtime.open({
      ...means,
      directory: { path: "/data", fileSystem: disk },
    });
    const volume = await client.openVolume(volumeId);
    const reader = volume.openReader();
    const page = new Uint8Array(reader.pageSize);
    const last = Math.min(reader.pageCount, 40);
    for (let index = 1; index <= last; index++) reader.read(toPageIndex(index), page);
    reader.close();
    commitPages(volume, { 1: 77 }, Math.max(1, volume.status().snapshot?.pageCount ?? 1));
    return true;
  }, codes);
  return opened === true;
}
