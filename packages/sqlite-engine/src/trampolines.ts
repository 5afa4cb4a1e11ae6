/**
 * JavaScript functions as entries of a WASM table. A table takes exported WASM functions only; a
 * module that imports a JavaScript function and exports it again makes one of it. All functions of
 * one engine instance go through one such module.
 */
import type { Signature } from "./wasm-module.ts";
import {
  exportFunction,
  functionType,
  importFunction,
  SECTION,
  section,
  WASM_HEADER,
} from "./wasm-module.ts";
import type { WasmFunction } from "./web-assembly.ts";
import { compileOnce, webAssembly } from "./web-assembly.ts";

/** A JavaScript function and how WASM calls it. It answers an i32, or nothing, and never throws. */
export interface Trampoline {
  readonly signature: Signature;
  readonly body: (...parameters: never[]) => number | undefined;
}

/** For each name: a WASM function that calls the JavaScript function of that name. */
export function createTrampolines<Name extends string>(
  functions: Readonly<Record<Name, Trampoline>>,
): Readonly<Record<Name, WasmFunction>> {
  const names = Object.keys(functions) as Name[];
  const key = names.map((name) => `${name} ${functions[name].signature}`).join();
  const module = compileOnce(`trampolines ${key}`, () => bytesOf(functions, names));
  const bodies = Object.fromEntries(names.map((name) => [name, functions[name].body]));
  const instance = new webAssembly.Instance(module, { js: bodies });
  return instance.exports as Readonly<Record<Name, WasmFunction>>;
}

function bytesOf<Name extends string>(
  functions: Readonly<Record<Name, Trampoline>>,
  names: readonly Name[],
): Uint8Array {
  return new Uint8Array([
    ...WASM_HEADER,
    ...section(
      SECTION.type,
      names.map((name) => functionType(functions[name].signature)),
    ),
    ...section(
      SECTION.import,
      names.map((name, index) => importFunction("js", name, index)),
    ),
    ...section(
      SECTION.export,
      names.map((name, index) => exportFunction(name, index)),
    ),
  ]);
}
