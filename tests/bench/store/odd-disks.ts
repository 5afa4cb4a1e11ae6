import { type File, type FileMode, type FileSystem, GraftError } from "@graft/core";
import { nodeFileSystem } from "@graft/core/node";

/** How far a sparse file grows at once. */
const GROWTH = 64 * 1024 * 1024;

/** A disk on which pages take no room: what is written to them is dropped. */
export const sparseDisk: FileSystem = wrapped((file, path) => {
  if (!path.endsWith("/pages")) return file;
  let size = file.size();
  const truncate = (to: number): void => {
    file.truncate(to);
    size = to;
  };
  return {
    ...bound(file),
    truncate,
    size: () => size,
    write(bytes, offset) {
      const end = offset + bytes.length;
      if (end > size) truncate(Math.ceil(end / GROWTH) * GROWTH);
    },
  };
});

/** A disk on which, after `fail`, the next flush of a log fails. */
export function createFailingDisk(): {
  readonly fileSystem: FileSystem;
  readonly fail: () => void;
} {
  let isFailing = false;
  const fileSystem = wrapped((file, path) => {
    if (!path.includes("/log-")) return file;
    return {
      ...bound(file),
      sync() {
        const isRefused = isFailing;
        isFailing = false;
        if (isRefused) throw new GraftError("io", "this flush fails, for the sake of a bench");
        file.sync();
      },
    };
  });
  const fail = (): void => {
    isFailing = true;
  };
  return { fileSystem, fail };
}

function wrapped(wrap: (file: File, path: string) => File): FileSystem {
  const open = (path: string, mode: FileMode): File => wrap(nodeFileSystem.open(path, mode), path);
  return { ...nodeFileSystem, open };
}

function bound(file: File): File {
  return {
    read: (target, offset) => file.read(target, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}
