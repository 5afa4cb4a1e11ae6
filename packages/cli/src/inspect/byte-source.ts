import type { FileSystem } from "@graft/core";
import { GraftError } from "@graft/core";
import type { ObjectStore } from "@graft/object-store";

/** Something with bytes that is looked at: a file, or an object of a store. */
export interface ByteSource {
  /** Path or key. */
  readonly name: string;
  readonly size: number;
  /** Bytes [offset, offset + size), cut at the end. */
  read(offset: number, size: number): Promise<Uint8Array>;
}

/** A file; it is opened for each read, so that nothing is held. @throws GraftError `not-found` */
export function fileSource(path: string, fileSystem: FileSystem): ByteSource {
  const stat = fileSystem.stat(path);
  if (stat?.kind !== "file") throw new GraftError("not-found", `"${path}" does not exist`);
  return {
    name: path,
    size: stat.size,
    async read(offset, size) {
      const file = fileSystem.open(path, "read");
      try {
        const target = new Uint8Array(Math.max(0, Math.min(size, file.size() - offset)));
        return target.subarray(0, file.read(target, offset));
      } finally {
        file.close();
      }
    },
  };
}

/** An object. @throws GraftError `not-found` */
export async function objectSource(
  key: string,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<ByteSource> {
  const info = await store.head(key, { signal });
  const gone = () => new GraftError("not-found", `object "${key}" is not in ${store.name}`);
  if (info === undefined) throw gone();
  return {
    name: key,
    size: info.size,
    async read(offset, size) {
      if (size === 0 || offset >= info.size) return new Uint8Array();
      const stored = await store.get(key, { signal, range: { offset, size } });
      if (stored === undefined) throw gone();
      return stored.bytes;
    },
  };
}
