import { type Clock, type FileSystem, GraftError, isGraftError } from "@graft/core";
import { type LocalKey, parseLocalKeys } from "./local-key.ts";

/** The keys that are accepted now. */
export interface KeyRing {
  /** The first one makes tokens. The same list until they change. */
  keys(): readonly LocalKey[];
}

/** Keys that stay. */
export function fixedKeyRing(keys: readonly LocalKey[]): KeyRing {
  return { keys: () => keys };
}

/** Both, the first one's first. */
export function joinKeyRings(rings: readonly KeyRing[]): KeyRing {
  let parts: readonly (readonly LocalKey[])[] = [];
  let joined: readonly LocalKey[] = [];
  return {
    keys() {
      const now = rings.map((ring) => ring.keys());
      if (now.length !== parts.length || now.some((keys, at) => keys !== parts[at])) {
        parts = now;
        joined = now.flat();
      }
      return joined;
    },
  };
}

/** Between looks at the file, ms: so soon after it was replaced a new key is known. */
const LOOK_MS = 1000;
/** At most 8 keys and what is said about them. */
const FILE_SIZE_MAX = 64 * 1024;

export interface KeyFileOptions {
  readonly path: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Told, once for each reason, that it cannot be used: the keys before it stay. */
  readonly onTrouble: (error: GraftError) => void;
}

/**
 * The keys of a file, read again when it changes. A file that is gone or damaged changes nothing:
 * a slip of the pen must not lock everybody out.
 *
 * @throws GraftError `not-found`, `invalid-argument` or `io`: it cannot be used at the start
 */
export function openKeyFile(options: KeyFileOptions): KeyRing {
  const { path, fileSystem, clock } = options;
  let state = stateOf(fileSystem, path);
  let keys = readKeys(fileSystem, path);
  let lookedMs = clock.monotonicMs();
  let trouble: string | undefined;
  return {
    keys() {
      const nowMs = clock.monotonicMs();
      if (nowMs - lookedMs < LOOK_MS) return keys;
      lookedMs = nowMs;
      try {
        const found = stateOf(fileSystem, path);
        if (found === state) return keys;
        state = found;
        keys = readKeys(fileSystem, path);
        trouble = undefined;
      } catch (error) {
        if (!isGraftError(error)) throw error;
        if (error.message !== trouble) options.onTrouble(error);
        trouble = error.message;
      }
      return keys;
    },
  };
}

/** Changes with each replacement of the file, and each writing to it. */
function stateOf(fileSystem: FileSystem, path: string): string {
  const stat = fileSystem.stat(path);
  return stat === undefined ? "" : `${stat.identity} ${stat.size} ${stat.modifiedMs}`;
}

function readKeys(fileSystem: FileSystem, path: string): readonly LocalKey[] {
  const file = fileSystem.open(path, "read");
  try {
    const bytes = new Uint8Array(Math.min(file.size(), FILE_SIZE_MAX));
    const size = file.read(bytes, 0);
    return parseLocalKeys(new TextDecoder().decode(bytes.subarray(0, size)));
  } catch (error) {
    if (!isGraftError(error, "invalid-argument")) throw error;
    throw new GraftError("invalid-argument", `key file ${path}: ${error.message}`, {
      cause: error,
    });
  } finally {
    file.close();
  }
}
