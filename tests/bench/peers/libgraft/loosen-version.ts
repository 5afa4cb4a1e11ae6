/**
 * The wheel of sqlite-graft 0.2.1 says that it runs with glibc 2.17 and asks for 2.39, for two weak
 * symbols that it can do without. A copy of the extension has that wish marked as weak too, so that
 * the loader of an older system takes it (ELF gABI: SHT_GNU_verneed, VER_FLG_WEAK).
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const SECTION_VERNEED = 0x6ffffffe;
const FLAG_WEAK = 2;
const VERSION = "GLIBC_2.39";

/** @returns the path of a copy in `directory` */
export async function loosenVersion(python: string, directory: string): Promise<string> {
  const script = "import sqlite_graft; print(sqlite_graft.loadable_path())";
  const { stdout } = await promisify(execFile)(python, ["-c", script]);
  const printed = stdout.trim();
  const original = printed.endsWith(".so") ? printed : `${printed}.so`;
  const path = join(directory, "libgraft_ext.so");
  writeFileSync(path, markWeak(readFileSync(original), VERSION));
  return path;
}

/** A copy of a 64-bit little-endian ELF file whose need of a version is weak; else the file. */
export function markWeak(file: Uint8Array, version: string): Uint8Array {
  const copy = file.slice();
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  const [sections, size] = [Number(view.getBigUint64(0x28, true)), view.getUint16(0x3a, true)];
  const count = view.getUint16(0x3c, true);
  const offsetOf = (at: number): number => {
    return Number(view.getBigUint64(sections + at * size + 0x18, true));
  };
  for (let at = 0; at < count; at++) {
    const section = sections + at * size;
    if (view.getUint32(section + 4, true) !== SECTION_VERNEED) continue;
    const strings = offsetOf(view.getUint32(section + 0x28, true));
    for (const need of needsFrom(view, offsetOf(at))) {
      const name = textAt(copy, strings + view.getUint32(need + 8, true));
      if (name === version)
        view.setUint16(need + 4, view.getUint16(need + 4, true) | FLAG_WEAK, true);
    }
  }
  return copy;
}

/** Where each wish for a version stands: a list of libraries, each with a list of versions. */
function* needsFrom(view: DataView, start: number): Generator<number> {
  for (let library = start; ; ) {
    const count = view.getUint16(library + 2, true);
    let need = library + view.getUint32(library + 8, true);
    for (let at = 0; at < count; at++) {
      yield need;
      need += view.getUint32(need + 12, true);
    }
    const next = view.getUint32(library + 12, true);
    if (next === 0) return;
    library += next;
  }
}

function textAt(bytes: Uint8Array, start: number): string {
  return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
}
