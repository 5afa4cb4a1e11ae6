import { invariant } from "@graft/core";
import type { EngineCore } from "./engine-core.ts";
import type { Pointer } from "./sqlite-exports.ts";
import { IO_METHODS_STRUCT, OUR_FILE_STRUCT, VFS_STRUCT } from "./struct-layout.ts";
import { createTrampolines } from "./trampolines.ts";
import type { WasmFunction } from "./web-assembly.ts";

/** Longest file name, in bytes with its NUL. */
const PATH_SIZE_MAX = 1024;

/** Claims exactly what is implemented: no `xShm…` (2) and no `xFetch` (3). */
const IO_METHODS_VERSION = 1;
/** `xCurrentTimeInt64` (2), and no system calls (3). */
const VFS_VERSION = 2;

/** The table entries that the miss strategy decides about. */
export interface MissEntries {
  readonly xRead: WasmFunction;
  readonly xFileControl: WasmFunction;
}

/**
 * Builds `sqlite3_vfs` and `sqlite3_io_methods` in the heap and registers them as the default VFS
 * of the instance. They live as long as the instance.
 */
export function installVfs(core: EngineCore, entries: MissEntries): void {
  const { exports, heap, facade } = core;
  const io = { ...createTrampolines(facade.ioMethods), ...entries };
  const ioMethods = createStruct(core, IO_METHODS_STRUCT, io);
  heap.writeWord(ioMethods + IO_METHODS_STRUCT.iVersion, IO_METHODS_VERSION);
  facade.setIoMethods(ioMethods);

  const vfs = createStruct(core, VFS_STRUCT, createTrampolines(facade.vfsMethods));
  heap.writeWord(vfs + VFS_STRUCT.iVersion, VFS_VERSION);
  heap.writeWord(vfs + VFS_STRUCT.szOsFile, OUR_FILE_STRUCT.sizeof);
  heap.writeWord(vfs + VFS_STRUCT.mxPathname, PATH_SIZE_MAX);
  const name = heap.createText(exports, "graft");
  invariant(name !== undefined, "a fresh instance has memory for a name");
  heap.writeWord(vfs + VFS_STRUCT.zName, name.pointer);
  const code = exports.sqlite3_vfs_register(vfs, 1);
  invariant(code === 0, `sqlite3_vfs_register answers SQLITE_OK, got ${code}`);
}

/** A structure of zeros, with each function in the field of its name. */
function createStruct(
  core: EngineCore,
  layout: Readonly<Record<string, number>> & { readonly sizeof: number },
  functions: Readonly<Record<string, WasmFunction>>,
): Pointer {
  const struct = core.exports.sqlite3_malloc(layout.sizeof);
  invariant(struct !== 0, "a fresh instance has memory for its VFS");
  core.heap.bytes.fill(0, struct, struct + layout.sizeof);
  for (const [name, body] of Object.entries(functions)) {
    const offset = layout[name];
    invariant(offset !== undefined, `the structure has a field ${name}`);
    core.heap.writeWord(struct + offset, addToTable(core, body));
  }
  return struct;
}

/** Puts a function into the table of the instance and answers its index: a C function pointer. */
export function addToTable(core: EngineCore, body: WasmFunction): Pointer {
  const table = core.exports.__indirect_function_table;
  const index = table.grow(1);
  table.set(index, body);
  return index;
}
