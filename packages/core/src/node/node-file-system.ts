import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { open as openAsync } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { ByteRange, File, FileLock, FileMode, FileStat, FileSystem } from "../file-system.ts";
import { fileError, isMissing } from "./file-error.ts";
import { NodeFile } from "./node-file.ts";

const FLAGS: Readonly<Record<FileMode, number>> = {
  read: fs.constants.O_RDONLY,
  "read-write": fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  "create-new": fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

/** Process ids are used again, and in containers they are all alike: a dead process's file stays in the way. */
const PROCESS_TAG = `${process.pid}-${randomUUID().slice(0, 8)}`;
let temporaryCount = 0;

/** The machine's disks, through `node:fs`. */
export const nodeFileSystem: FileSystem = {
  open(path: string, mode: FileMode): File {
    return attempt("open", path, () => new NodeFile(path, fs.openSync(path, FLAGS[mode], 0o600)));
  },

  makeDirectory(path: string): void {
    attempt("create directory", path, () => fs.mkdirSync(path, { recursive: true }));
  },

  list(path: string): readonly string[] | undefined {
    return orMissing("list", path, () => fs.readdirSync(path).sort());
  },

  stat(path: string): FileStat | undefined {
    return orMissing("stat", path, () => {
      const stat = fs.statSync(path, { bigint: true });
      return {
        kind: stat.isDirectory() ? "directory" : "file",
        size: Number(stat.size),
        identity: `${stat.dev}:${stat.ino}`,
        modifiedMs: Number(stat.mtimeMs),
      };
    });
  },

  rename(from: string, to: string): void {
    attempt("rename", from, () => fs.renameSync(from, to));
  },

  remove(path: string): boolean {
    return (
      orMissing("remove", path, () => {
        if (fs.lstatSync(path).isDirectory()) fs.rmdirSync(path);
        else fs.unlinkSync(path);
        return true;
      }) ?? false
    );
  },

  removeTree(path: string): boolean {
    if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
    attempt("remove", path, () => fs.rmSync(path, { recursive: true, force: true }));
    return true;
  },

  syncDirectory(path: string): void {
    attempt("sync directory", path, () => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY);
      try {
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  lock(path: string): FileLock | undefined {
    return attempt("lock", path, () => lockByKernel(path));
  },

  async readWhole(path: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    try {
      await using handle = await openAsync(path, "r");
      const size = Number((await handle.stat()).size);
      const offset = Math.min(range?.offset ?? 0, size);
      const bytes = new Uint8Array(Math.min(range?.size ?? size, size - offset));
      let done = 0;
      while (done < bytes.length) {
        const read = await handle.read(bytes, done, bytes.length - done, offset + done);
        if (read.bytesRead === 0) return bytes.slice(0, done);
        done += read.bytesRead;
      }
      return bytes;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError("read", path, error);
    }
  },

  async writeWhole(
    path: string,
    parts: readonly Uint8Array[],
    mode: "replace" | "create-only",
  ): Promise<boolean> {
    const temporary = `${path}.${PROCESS_TAG}-${++temporaryCount}.tmp`;
    try {
      await fs.promises.mkdir(dirname(path), { recursive: true });
      await writeDurably(temporary, parts);
      if (mode === "replace") {
        await fs.promises.rename(temporary, path);
      } else if (!(await linkNew(temporary, path))) {
        return false;
      }
      await syncDirectoryAsync(dirname(path));
      return true;
    } catch (error) {
      await fs.promises.rm(temporary, { force: true }).catch(() => undefined);
      throw fileError("write", path, error);
    }
  },
};

async function writeDurably(path: string, parts: readonly Uint8Array[]): Promise<void> {
  await using handle = await openAsync(path, "wx", 0o600);
  for (const part of parts) await handle.writeFile(part);
  await handle.datasync();
}

/** link(2) refuses an existing name atomically, which rename(2) does not. */
async function linkNew(temporary: string, path: string): Promise<boolean> {
  try {
    await fs.promises.link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await fs.promises.rm(temporary, { force: true });
  }
}

async function syncDirectoryAsync(path: string): Promise<void> {
  await using handle = await openAsync(path, "r");
  await handle.sync();
}

/**
 * Node has no flock(2). An exclusive transaction on a small SQLite file is a lock the kernel releases
 * when its holder dies. NOTE: no `PRAGMA journal_mode` before it, or the lock is taken too late.
 */
function lockByKernel(path: string): FileLock | undefined {
  const holder = new DatabaseSync(path, { timeout: 0 });
  try {
    holder.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    holder.close();
    if (error instanceof Error && "errcode" in error && error.errcode === 5) return undefined;
    throw error;
  }
  return {
    close(): void {
      if (holder.isOpen) holder.close();
    },
  };
}

function attempt<T>(action: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fileError(action, path, error);
  }
}

function orMissing<T>(action: string, path: string, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(action, path, error);
  }
}
