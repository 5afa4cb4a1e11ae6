/** A data directory and its disk: format, whether it was copied, who uses it, space, flush. */
import { countDirectoryUsers, examineDirectory } from "@graft/client/inspect";
import {
  type Clock,
  encodeHex,
  type FileSystem,
  isGraftError,
  type Random,
  randomBytes,
} from "@graft/core";
import type { Check, Judgement } from "./check.ts";
import { judgeFailure, judgeFlush, judgeFreeSpace } from "./judge.ts";
import { judgeIdentity } from "./judge-identity.ts";

const FLUSH_COUNT = 15;
const FLUSH_SIZE = 4096;

export interface DirectoryMeans {
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  /** Bytes that may still be written under a path; undefined where nobody can say. */
  readonly freeBytes: (path: string) => number | undefined;
}

/** Writes one small file, and removes it. */
export async function* examineDataDirectory(
  path: string,
  means: DirectoryMeans,
): AsyncGenerator<Check> {
  const { fileSystem } = means;
  const format = await judgeFormat(path, fileSystem);
  yield { name: "data directory", target: path, ...format };
  if (fileSystem.stat(path)?.kind !== "directory") return;
  if (format.status === "ok") {
    yield { name: "directory identity", target: path, ...(await judgeOrigin(path, fileSystem)) };
    yield { name: "directory users", target: path, ...judgeUsers(path, fileSystem) };
  }
  const free = means.freeBytes(path);
  if (free !== undefined) yield { name: "disk space", target: path, ...judgeFreeSpace(free) };
  yield { name: "disk flush", target: path, ...measureFlush(path, means) };
}

async function judgeFormat(path: string, fileSystem: FileSystem): Promise<Judgement> {
  try {
    const { volumes, tags } = await examineDirectory(path, fileSystem);
    const found = `readable, ${volumes.size} volume(s), ${tags.size} tag(s)`;
    return { status: "ok", found, values: { volumes: volumes.size, tags: tags.size } };
  } catch (error) {
    if (isGraftError(error, "not-found")) {
      const advice = "graft clone and graft import make one; or name another with --path";
      return { ...judgeFailure(error, advice), status: "warn" };
    }
    if (isGraftError(error, "corrupt")) {
      return judgeFailure(error, "restore it from a copy, or clone again into another directory");
    }
    return judgeFailure(error);
  }
}

async function judgeOrigin(path: string, fileSystem: FileSystem): Promise<Judgement> {
  try {
    return judgeIdentity(await examineDirectory(path, fileSystem));
  } catch (error) {
    return judgeFailure(error);
  }
}

function judgeUsers(path: string, fileSystem: FileSystem): Judgement {
  try {
    const users = countDirectoryUsers(path, fileSystem);
    const found = users === 0 ? "no process uses it now" : `${users} process(es) use it now`;
    return { status: "ok", found, values: { users } };
  } catch (error) {
    return judgeFailure(error);
  }
}

function measureFlush(path: string, { clock, random, fileSystem }: DirectoryMeans): Judgement {
  const name = `${path}/doctor-${encodeHex(randomBytes(random, 8))}.tmp`;
  const bytes = randomBytes(random, FLUSH_SIZE);
  const timesMs: number[] = [];
  try {
    const file = fileSystem.open(name, "create-new");
    try {
      for (let count = 0; count < FLUSH_COUNT; count++) {
        const startMs = clock.monotonicMs();
        file.write(bytes, count * FLUSH_SIZE);
        file.sync();
        timesMs.push(clock.monotonicMs() - startMs);
      }
    } finally {
      file.close();
      fileSystem.remove(name);
    }
    return judgeFlush(timesMs);
  } catch (error) {
    return judgeFailure(error, "make the disk writable, or free some space");
  }
}
