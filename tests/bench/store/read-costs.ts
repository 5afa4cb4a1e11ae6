/**
 * One page read that SQLite's cache missed: in a row, as an index asks for them, and at random.
 *
 * What is measured is CPU time, the kernel's included: nothing here waits, and a machine that is
 * busy with something else must not count.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { LocalStore } from "@graft/client";
import { toPageIndex } from "@graft/core";
import type { BenchContext, BenchRow } from "../bench.ts";
import { mulberry32 } from "../dataset.ts";
import { compare, type Subject } from "../measure.ts";
import { fillStore, openStore, PAGE_SIZE, pullTo } from "./bench-store.ts";

const ROUNDS = 7;
/** DESIGN §11, µs for 4 KiB. */
const READ_MAX_US = 2;
const PULLS = 10_000;
/** "As fast": what is left is noise. */
const AFTER_PULLS_MAX = 1.2;

export async function readCosts({
  directory,
  isQuick,
}: BenchContext): Promise<readonly BenchRow[]> {
  const pageCount = isQuick ? 10_000 : 50_000;
  fillStore(directory, "reads", pageCount);
  const store = openStore(directory, "reads");
  const raw = openSync(join(directory, "reads", "pages"), "r");
  const orders = readOrders(pageCount);
  try {
    const measured = await compare(
      [
        { name: "raw pread, in a row", run: rawReads(raw, orders.inARow) },
        { name: "raw pread, at random", run: rawReads(raw, orders.atRandom) },
        { name: "in a row", run: storeReads(store, orders.inARow) },
        { name: "some pages often (Zipf)", run: storeReads(store, orders.zipf) },
        { name: "at random, no page twice", run: storeReads(store, orders.atRandom) },
      ],
      ROUNDS,
    );
    const [rawInARow, rawAtRandom, inARow, zipf, atRandom] = measured.map(
      ({ medianMs }) => (medianMs * 1000) / pageCount,
    );
    const row = (name: string, value: number | undefined): BenchRow => ({
      name: `read a page: ${name}`,
      value: value ?? Number.NaN,
      unit: "µs each",
    });
    const baseline = "raw pread at random";
    const ratio = (atRandom ?? Number.NaN) / (rawAtRandom ?? Number.NaN);
    return [
      row("raw pread of 4 KiB in a row", rawInARow),
      row("raw pread of 4 KiB at random", rawAtRandom),
      { ...row("in a row", inARow), budget: { max: READ_MAX_US } },
      { ...row("some pages often (Zipf)", zipf), budget: { max: READ_MAX_US } },
      { ...row("at random, none twice (no cache helps)", atRandom), ratio, baseline },
    ];
  } finally {
    closeSync(raw);
    store.close();
  }
}

/** The same reads in a store that was pulled once, and in one that was pulled 10,000 times. */
export async function readsAfterPulls(context: BenchContext): Promise<readonly BenchRow[]> {
  const { directory, isQuick } = context;
  const pageCount = 10_000;
  const pulls = isQuick ? PULLS / 10 : PULLS;
  for (const name of ["once", "often"]) fillStore(directory, name, pageCount);
  const stores = ["once", "often"].map((name) => openStore(directory, name));
  const [once, often] = stores;
  if (once === undefined || often === undefined) return [];
  context.note(`${pulls} pulls`);
  for (let at = 1; at <= pulls; at++) {
    // Pages beyond those that are read: the reads are the same.
    const changed = Array.from(
      { length: 8 },
      (_, page) => pageCount + ((at * 8 + page) % 90_000) + 1,
    );
    pullTo(often, { lsn: at + 1, pageCount: 10 * pageCount }, changed);
  }
  pullTo(once, { lsn: 2, pageCount: 10 * pageCount }, [pageCount + 1]);
  try {
    const { atRandom } = readOrders(pageCount);
    const subjects = stores.map((store) => ({ name: "", run: storeReads(store, atRandom) }));
    const [, after] = await compare(subjects, ROUNDS * 2 + 1);
    return [
      {
        name: `read a page: after ${pulls.toLocaleString("en-US")} pulls`,
        value: ((after?.medianMs ?? Number.NaN) * 1000) / pageCount,
        unit: "µs each",
        ratio: after?.ratio ?? Number.NaN,
        baseline: "after one",
        budget: { max: AFTER_PULLS_MAX },
      },
    ];
  } finally {
    for (const store of stores) store.close();
  }
}

interface ReadOrders {
  readonly inARow: Uint32Array;
  /** Page k is read in proportion to 1/k, and the pages lie anywhere. */
  readonly zipf: Uint32Array;
  readonly atRandom: Uint32Array;
}

function readOrders(pageCount: number): ReadOrders {
  const random = mulberry32(5);
  const inARow = Uint32Array.from({ length: pageCount }, (_, at) => at + 1);
  const atRandom = inARow.slice();
  for (let at = pageCount - 1; at > 0; at--) {
    const other = random() % (at + 1);
    const page = atRandom[at] ?? 0;
    atRandom[at] = atRandom[other] ?? 0;
    atRandom[other] = page;
  }
  const zipf = inARow.map(() => {
    const rank = Math.floor(pageCount ** (random() / 2 ** 32));
    return atRandom[Math.min(pageCount, rank) - 1] ?? 1;
  });
  return { inARow, zipf, atRandom };
}

function storeReads(store: LocalStore, pages: Uint32Array): Subject["run"] {
  const target = new Uint8Array(PAGE_SIZE);
  return () =>
    cpuTime(() => {
      const pin = store.pin();
      for (const page of pages) {
        if (store.read(pin, toPageIndex(page), target) !== "page")
          throw new Error("a page is lost");
      }
      pin.close();
    });
}

function rawReads(file: number, pages: Uint32Array): Subject["run"] {
  const target = new Uint8Array(PAGE_SIZE);
  return () =>
    cpuTime(() => {
      for (const page of pages) readSync(file, target, 0, PAGE_SIZE, (page - 1) * PAGE_SIZE);
    });
}

/** CPU time of the work, ms. */
function cpuTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
