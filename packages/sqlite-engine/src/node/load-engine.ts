import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Engine } from "../load-engine.ts";
import { loadEngine } from "../load-engine.ts";

let engine: Promise<Engine> | undefined;

/**
 * SQLite from the npm package `@sqlite.org/sqlite-wasm`, compiled once for the process. A failed
 * load is not remembered.
 */
export function loadNodeEngine(): Promise<Engine> {
  engine ??= readWasm()
    .then(loadEngine)
    .catch((error: unknown) => {
      engine = undefined;
      throw error;
    });
  return engine;
}

async function readWasm(): Promise<Uint8Array> {
  const path = createRequire(import.meta.url).resolve("@sqlite.org/sqlite-wasm/sqlite3.wasm");
  return await readFile(path);
}
