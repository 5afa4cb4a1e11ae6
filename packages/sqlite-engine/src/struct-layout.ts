/**
 * Offsets of the C structures that the VFS shares with SQLite, in bytes, for wasm32. They are
 * checked when an engine is loaded, against what the build says about itself
 * (`sqlite3__wasm_enum_json`).
 *
 * | structure          | size | filled by us                                                    |
 * |--------------------|------|-----------------------------------------------------------------|
 * | sqlite3_vfs        | 88   | iVersion 2: no system-call overrides                            |
 * | sqlite3_io_methods | 76   | iVersion 1: no shared memory (WAL), no memory mapping           |
 * | sqlite3_file       | 4    | pMethods; ours is 8, with the number of the file at offset 4    |
 */
import { GraftError } from "@graft/core";

/** `sqlite3_vfs`. */
export const VFS_STRUCT = {
  iVersion: 0,
  szOsFile: 4,
  mxPathname: 8,
  zName: 16,
  xOpen: 24,
  xDelete: 28,
  xAccess: 32,
  xFullPathname: 36,
  xRandomness: 56,
  xSleep: 60,
  xCurrentTime: 64,
  xGetLastError: 68,
  xCurrentTimeInt64: 72,
  sizeof: 88,
} as const;

/** `sqlite3_io_methods`. */
export const IO_METHODS_STRUCT = {
  iVersion: 0,
  xClose: 4,
  xRead: 8,
  xWrite: 12,
  xTruncate: 16,
  xSync: 20,
  xFileSize: 24,
  xLock: 28,
  xUnlock: 32,
  xCheckReservedLock: 36,
  xFileControl: 40,
  xSectorSize: 44,
  xDeviceCharacteristics: 48,
  sizeof: 76,
} as const;

/** `sqlite3_file`, and the field we put behind it. */
export const FILE_STRUCT = { pMethods: 0, sizeof: 4 } as const;
export const OUR_FILE_STRUCT = { fileNumber: 4, sizeof: 8 } as const;

interface StructInfo {
  readonly name: string;
  readonly sizeof: number;
  readonly members: Readonly<Record<string, { readonly offset: number }>>;
}

/**
 * Throws `internal` when the build lays its structures out otherwise. `json` is its
 * self-description.
 */
export function checkStructLayout(json: string): void {
  const { structs } = JSON.parse(json) as { readonly structs: readonly StructInfo[] };
  for (const [name, expected] of [
    ["sqlite3_vfs", VFS_STRUCT],
    ["sqlite3_io_methods", IO_METHODS_STRUCT],
    ["sqlite3_file", FILE_STRUCT],
  ] as const) {
    const actual = structs.find((candidate) => candidate.name === name);
    for (const [member, offset] of Object.entries(expected)) {
      const found = member === "sizeof" ? actual?.sizeof : actual?.members[member]?.offset;
      if (found !== offset) {
        throw new GraftError(
          "internal",
          `this SQLite build has ${name}.${member} at ${found}, expected ${offset}; ` +
            "use the pinned version of @sqlite.org/sqlite-wasm",
        );
      }
    }
  }
}
