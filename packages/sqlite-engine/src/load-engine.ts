import type { Clock } from "@graft/core";
import { GraftError, invariant } from "@graft/core";
import { createEnvironment } from "./environment.ts";
import { Heap } from "./heap.ts";
import type { SqliteExports } from "./sqlite-exports.ts";
import { toSqliteExports } from "./sqlite-exports.ts";
import { checkStructLayout } from "./struct-layout.ts";
import type { WasmModule } from "./web-assembly.ts";
import { webAssembly } from "./web-assembly.ts";

const HEAP_PAGE_SIZE = 65_536;
/** The build's own: 8 MiB at the start, 2 GiB at most. */
const HEAP_PAGES_INITIAL = 128;
const HEAP_PAGES_MAX = 32_768;

/** Four times the deepest use that is known: 1,000 triggers firing each other take 0.9 MiB. */
const STACK_SIZE = 4 * 1024 * 1024;
const STACK_ALIGNMENT = 16;

/** The most memory an instance of the build can address, in bytes: 2 GiB. */
export const HEAP_BYTES_MAX: number = HEAP_PAGES_MAX * HEAP_PAGE_SIZE;

/**
 * SQLite, compiled and not yet running. Compiling takes tens of milliseconds, so one engine is
 * shared by all connections of a process; each connection instantiates it for itself (a few ms, 8
 * MiB).
 */
export interface Engine {
  readonly module: WasmModule;
}

/** Modules whose structures lie where struct-layout.ts says: checked with their first instance. */
const checkedModules = new WeakSet<WasmModule>();

/** A running instance, before any database is open in it. */
export interface RawInstance {
  readonly exports: SqliteExports;
  readonly heap: Heap;
}

/**
 * Compiles SQLite from the bytes of `sqlite3.wasm`. Where they come from is the caller's business:
 * a file (`@graft/sqlite-engine/node`), a bundle, or the network. Throws `invalid-argument` for
 * bytes that are not WASM.
 */
export async function loadEngine(wasm: Uint8Array): Promise<Engine> {
  try {
    return { module: await webAssembly.compile(wasm) };
  } catch (cause) {
    throw new GraftError(
      "invalid-argument",
      `the SQLite module does not compile (${wasm.length} bytes); pass the bytes of sqlite3.wasm`,
      { cause },
    );
  }
}

/**
 * A new instance with its own memory, initialised. `heapMaxBytes` bounds that memory (8 MiB to 2
 * GiB): beyond it SQLite answers `SQLITE_NOMEM`.
 */
export async function instantiateEngine(
  engine: Engine,
  options: { readonly clock: Clock; readonly heapMaxBytes?: number | undefined },
): Promise<RawInstance> {
  const maximum = Math.floor((options.heapMaxBytes ?? HEAP_BYTES_MAX) / HEAP_PAGE_SIZE);
  if (!(maximum >= HEAP_PAGES_INITIAL && maximum <= HEAP_PAGES_MAX)) {
    throw new GraftError(
      "invalid-argument",
      `heapMaxBytes must lie between 8 MiB and 2 GiB, got ${options.heapMaxBytes}`,
    );
  }
  const memory = new webAssembly.Memory({ initial: HEAP_PAGES_INITIAL, maximum });
  const heap = new Heap(memory);
  const imports = createEnvironment(engine.module, {
    clock: options.clock,
    heap: () => heap,
    heapMaxBytes: maximum * HEAP_PAGE_SIZE,
  });
  imports.env = { ...imports.env, memory };
  const instance = await webAssembly.instantiate(engine.module, imports);
  const exports = toSqliteExports(instance);
  exports.__wasm_call_ctors();
  if (!checkedModules.has(engine.module)) {
    checkStructLayout(heap.mustDecodeCString(exports.sqlite3__wasm_enum_json()));
    checkedModules.add(engine.module);
  }
  const code = exports.sqlite3_initialize();
  invariant(code === 0, `sqlite3_initialize answers SQLITE_OK, got ${code}`);
  moveStack(exports);
  return { exports, heap };
}

/**
 * Gives C a larger stack. The build's own has 512 KiB and no guard: 570 triggers that fire each
 * other overflow it into SQLite's static data, silently. With this one either SQLite's own limits
 * end a recursion, or the runtime's stack does, and that is a trap, after which the instance is
 * thrown away.
 */
function moveStack(exports: SqliteExports): void {
  const bottom = exports.sqlite3_malloc(STACK_SIZE);
  invariant(bottom !== 0, "a fresh instance has memory for a stack");
  const top = bottom + STACK_SIZE;
  exports._emscripten_stack_restore(top - (top % STACK_ALIGNMENT));
}
