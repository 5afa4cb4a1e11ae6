/**
 * The part of the WebAssembly API that is used here, with JSPI (`Suspending`, `promising`), which
 * no library of types describes yet. Reached through `globalThis`, so that every runtime may bring
 * its own.
 */

/** A compiled module. Opaque. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string;
}

/** An exported WASM function: takes and returns numbers, and bigints for i64. */
export type WasmFunction = (...parameters: never[]) => unknown;

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** Grows by `pages` of 64 KiB and answers the old count; throws when that is not possible. */
  grow(pages: number): number;
}

export interface WasmTable {
  readonly length: number;
  grow(by: number): number;
  set(index: number, value: WasmFunction): void;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Module name → import name → value. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  instantiate(module: WasmModule, imports: WasmImports): Promise<WasmInstance>;
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    imports(module: WasmModule): readonly { module: string; name: string; kind: string }[];
  };
  readonly Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance;
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  /** JSPI: an import whose promise suspends the WASM stack. Absent in older runtimes. */
  readonly Suspending?: new (
    body: (...parameters: never[]) => Promise<number>,
  ) => object;
  /** JSPI: the form of an export that may be suspended. Absent in older runtimes. */
  readonly promising?: (exported: WasmFunction) => WasmFunction;
}

/** The runtime's WebAssembly. */
export const webAssembly: WebAssemblyApi = (
  globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }
).WebAssembly;

/** Whether this runtime can suspend a WASM stack (JSPI): Node ≥ 25, Chromium ≥ 137. */
export function canSuspend(): boolean {
  return webAssembly.Suspending !== undefined && webAssembly.promising !== undefined;
}

const modules = new Map<string, WasmModule>();

/**
 * A small module of ours, compiled when it is first needed: every instance has the same ones.
 *
 * @param name tells it from the others
 */
export function compileOnce(name: string, bytes: () => Uint8Array): WasmModule {
  const known = modules.get(name);
  if (known !== undefined) return known;
  const module = new webAssembly.Module(bytes());
  modules.set(name, module);
  return module;
}
