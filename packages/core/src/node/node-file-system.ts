import * as fs from "node:fs";
import { unlink } from "node:fs/promises";
import type {
  ByteRange,
  File,
  FileLock,
  FileMode,
  FileStat,
  FileSystem,
  ReusableLock,
} from "../file-system.ts";
import { createDirectories, syncDirectory } from "./create-directories.ts";
import { fileError, isMissing } from "./file-error.ts";
import { lockByKernel, openKernelLock } from "./kernel-lock.ts";
import { NodeFile } from "./node-file.ts";
import { readWholeFile, writeWholeFile } from "./whole-file.ts";

const FLAGS: Readonly<Record<FileMode, number>> = {
  read: fs.constants.O_RDONLY,
  "read-write": fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
  "create-new": fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

/** The machine's disks, through `node:fs`. */
export const nodeFileSystem: FileSystem = {
  open(path: string, mode: FileMode): File {
    return attempt("open", path, () => new NodeFile(path, fs.openSync(path, FLAGS[mode], 0o600)));
  },

  makeDirectory(path: string): void {
    attempt("create directory", path, () => createDirectories(path));
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
    return attempt("remove", path, () => {
      if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
      fs.rmSync(path, { recursive: true, force: true });
      return true;
    });
  },

  syncDirectory(path: string): void {
    attempt("sync directory", path, () => syncDirectory(path));
  },

  lock(path: string): FileLock | undefined {
    return attempt("lock", path, () => lockByKernel(path));
  },

  openLock(path: string): ReusableLock {
    return attempt("lock", path, () => openKernelLock(path));
  },

  async readWhole(path: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    try {
      return await readWholeFile(path, range);
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
    try {
      return await writeWholeFile(path, parts, mode);
    } catch (error) {
      throw fileError("write", path, error);
    }
  },

  async removeWhole(path: string): Promise<boolean> {
    try {
      await unlink(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError("remove", path, error);
    }
  },
};

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
