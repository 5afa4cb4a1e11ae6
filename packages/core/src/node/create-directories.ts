import * as fs from "node:fs";
import { dirname, relative, resolve } from "node:path";

/** Creates the directory and its missing parents; their names outlive a power loss. */
export function createDirectories(path: string): void {
  const first = fs.mkdirSync(path, { recursive: true });
  if (first === undefined) return;
  // A new directory is an entry of its parent: sync from the last parent up to the first one's.
  const stop = dirname(resolve(first));
  for (let at = dirname(resolve(path)); isWithin(at, stop); at = dirname(at)) {
    syncDirectory(at);
    if (at === stop) return;
  }
}

/** fsync of a directory: its entries are durable. */
export function syncDirectory(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function isWithin(path: string, ancestor: string): boolean {
  return !relative(ancestor, path).startsWith("..");
}
