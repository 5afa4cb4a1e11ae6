/** `open-child.ts fill|index|open DIRECTORY [PAGES]`: prints one line of JSON. */
import type { LocalStore } from "@graft/client";
import { isGraftError, toPageIndex } from "@graft/core";
import { openStore, PAGE_SIZE, pullTo } from "./bench-store.ts";
import { createFailingDisk, sparseDisk } from "./odd-disks.ts";
import type { Told } from "./open-costs.ts";

const NAME = "large";
/** From this share of the pages on: before, what any store takes would be counted as the pages'. */
const COUNTED_SHARE = 0.3;

const [verb, directory = ".", pages] = process.argv.slice(2);
process.stdout.write(JSON.stringify(run()));

function run(): Told {
  const before = memoryInUse();
  const start = performance.now();
  switch (verb) {
    case "fill":
      return { ms: 0, cpuMs: 0, entryBytes: fillSparse(Number(pages), before) };
    case "index":
      writeIndex();
      return { ms: 0, cpuMs: 0, entryBytes: 0 };
    default: {
      const cpuBefore = process.cpuUsage();
      const store = openStore(directory, NAME);
      const ms = performance.now() - start;
      const { user, system } = process.cpuUsage(cpuBefore);
      const entryBytes = (memoryInUse() - before) / store.usage().pages;
      store.close();
      return { ms, cpuMs: (user + system) / 1000, entryBytes };
    }
  }
}

/** Fetches pages whose bytes are dropped, and says the most memory one of them ever took. */
function fillSparse(count: number, before: number): number {
  const store = openStore(directory, NAME, { fileSystem: sparseDisk, memoryCacheSize: 0 });
  pullTo(store, { lsn: 1, pageCount: count });
  const pin = store.pin();
  const data = new Uint8Array(PAGE_SIZE);
  let most = 0;
  for (let page = 1; page <= count; page++) {
    store.putFetched(pin, toPageIndex(page), data);
    if (page < count * COUNTED_SHARE || page % 20_000 !== 0) continue;
    most = Math.max(most, (memoryInUse() - before) / page);
  }
  pin.close();
  store.close();
  return most;
}

/** A flush that fails makes a store begin a new generation: an index of all it knows. */
function writeIndex(): void {
  const { fileSystem, fail } = createFailingDisk();
  const store = openStore(directory, NAME, { fileSystem });
  fail();
  try {
    pullAgain(store);
  } catch (error) {
    if (!isGraftError(error, "io")) throw error;
  }
  store.close();
}

function pullAgain(store: LocalStore): void {
  const { remote } = store.state();
  pullTo(store, { lsn: 2, pageCount: remote?.pageCount ?? 0 });
}

function memoryInUse(): number {
  // The second one counts what the first one let go.
  globalThis.gc?.();
  globalThis.gc?.();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}
