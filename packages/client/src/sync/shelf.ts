/**
 * What a volume keeps beside its store while its history is rewritten: a rebase's journal
 * (rebase-journal.ts) and the outbox (outbox.ts).
 *
 * The guarantee: a file that was written is there wholly after a power loss, one that was removed
 * stays removed; each call has done its work when it returns. Files are written by who holds the
 * volume's turn to sync, and read by anybody at any time.
 */
import type { FileSystem } from "@graft/core";
import { GraftError, isGraftError } from "@graft/core";

export interface Shelf {
  /** For messages. */
  readonly name: string;
  /** Names of the files, in code-unit order. */
  list(): readonly string[];
  has(name: string): boolean;
  /** @throws GraftError `not-found` */
  open(name: string): ShelfFile;
  /** Makes or replaces a file. Parts are taken one at a time. @throws GraftError `io` */
  write(name: string, parts: Iterable<Uint8Array>): void;
  remove(name: string): void;
}

/** A file as it was when it was opened. */
export interface ShelfFile {
  readonly size: number;
  /** Copies bytes into `target`; fewer only at the end. */
  read(target: Uint8Array, offset: number): number;
  close(): void;
}

/** On a disk, in a directory of its own, made when something is kept. */
export function createDiskShelf(fileSystem: FileSystem, directory: string): Shelf {
  const pathOf = (name: string): string => `${directory}/${name}`;
  return {
    name: directory,
    list: () => (fileSystem.list(directory) ?? []).filter((name) => !name.endsWith(DRAFT)),
    has: (name) => fileSystem.stat(pathOf(name)) !== undefined,
    open(name) {
      const file = fileSystem.open(pathOf(name), "read");
      const read = (target: Uint8Array, offset: number): number => file.read(target, offset);
      return { size: file.size(), read, close: () => file.close() };
    },
    write(name, parts) {
      fileSystem.makeDirectory(directory);
      const draft = pathOf(`${name}${DRAFT}`);
      fileSystem.remove(draft);
      const file = fileSystem.open(draft, "create-new");
      try {
        let offset = 0;
        for (const part of parts) {
          file.write(part, offset);
          offset += part.length;
        }
        file.sync();
      } finally {
        file.close();
      }
      fileSystem.rename(draft, pathOf(name));
      fileSystem.syncDirectory(directory);
    },
    remove(name) {
      if (fileSystem.remove(pathOf(name))) fileSystem.syncDirectory(directory);
    },
  };
}

const DRAFT = ".tmp";

/** In memory, for a volume that is there too. */
export function createMemoryShelf(): Shelf {
  const files = new Map<string, Uint8Array>();
  return {
    name: "memory",
    list: () => [...files.keys()].sort(),
    has: (name) => files.has(name),
    open(name) {
      const bytes = files.get(name);
      if (bytes === undefined) throw new GraftError("not-found", `there is no file "${name}"`);
      return {
        size: bytes.length,
        read(target, offset) {
          const part = bytes.subarray(offset, offset + target.length);
          target.set(part);
          return part.length;
        },
        close: () => undefined,
      };
    },
    write(name, parts) {
      const copies = Array.from(parts, (part) => part.slice());
      const bytes = new Uint8Array(copies.reduce((size, { length }) => size + length, 0));
      let offset = 0;
      for (const copy of copies) {
        bytes.set(copy, offset);
        offset += copy.length;
      }
      files.set(name, bytes);
    },
    remove: (name) => void files.delete(name),
  };
}

/** A file that may be removed by another process at any moment; undefined when it was. */
export function openIfThere(shelf: Shelf, name: string): ShelfFile | undefined {
  try {
    return shelf.open(name);
  } catch (error) {
    if (isGraftError(error, "not-found")) return undefined;
    throw error;
  }
}
