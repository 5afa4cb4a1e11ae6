/** What a durable commit and a mass of pages cost, and the room they take. */
import { closeSync, fdatasyncSync, openSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { LocalStore } from "@graft/client";
import { type PageIndex, parseCommitId, toLsn, toPageCount } from "@graft/core";
import type { BenchContext, BenchRow } from "../bench.ts";
import { mulberry32 } from "../dataset.ts";
import { compare, type Subject, time } from "../measure.ts";
import { commitPages, fetchAll, openStore, PAGE_SIZE, pagesOf, pullTo } from "./bench-store.ts";

const ROUNDS = 9;
const PAGES_A_COMMIT = 4;
const MIB = 1024 * 1024;
/** DESIGN §11 and issue 4. */
const COMMIT_RATIO_MAX = 1.5;
const BULK_MIN_MBPS = 150;
const SPACE_MAX = 1.25;

/** A commit of 4 pages against a raw append and fdatasync of the same bytes. */
export async function commitCosts({
  directory,
  isQuick,
}: BenchContext): Promise<readonly BenchRow[]> {
  const commits = isQuick ? 50 : 200;
  const pageCount = 20_000;
  const raw = openSync(join(directory, "raw-commits"), "w");
  const store = openStore(directory, "commits");
  pullTo(store, { lsn: 1, pageCount });
  const random = mulberry32(3);
  const bytes = new Uint8Array(PAGES_A_COMMIT * PAGE_SIZE).fill(7);
  let offset = 0;
  let lsn = 1;
  const appendRaw: Subject["run"] = () =>
    time(() => {
      for (let at = 0; at < commits; at++) {
        offset += writeSync(raw, bytes, 0, bytes.length, offset);
        fdatasyncSync(raw);
      }
    });
  const randomPages = (): Map<PageIndex, Uint8Array> =>
    pagesOf(Array.from({ length: PAGES_A_COMMIT }, () => (random() % pageCount) + 1));
  const commitAll: Subject["run"] = async () => {
    const all = Array.from({ length: commits }, randomPages);
    const ms = await time(() => {
      for (const pages of all) commitPages(store, pageCount, pages);
    });
    push(store, ++lsn);
    return ms;
  };
  try {
    const [rawAppend, commit] = await compare(
      [
        { name: "raw", run: appendRaw },
        { name: "commit", run: commitAll },
      ],
      ROUNDS,
    );
    const each = (ms: number | undefined): number => (ms ?? Number.NaN) / commits;
    return [
      {
        name: "commit 4 pages: raw write + fdatasync",
        value: each(rawAppend?.medianMs),
        unit: "ms each",
      },
      {
        name: "commit 4 pages, durable",
        value: each(commit?.medianMs),
        unit: "ms each",
        ratio: commit?.ratio ?? Number.NaN,
        baseline: "raw write + fdatasync",
        budget: { max: COMMIT_RATIO_MAX },
      },
    ];
  } finally {
    closeSync(raw);
    store.close();
  }
}

/** What was committed is remote now. */
function push(store: LocalStore, lsn: number): void {
  const { pageCount } = store.preparePush(parseCommitId(lsn.toString(16).padStart(32, "0")));
  store.completePush({
    lsn: toLsn(BigInt(lsn)),
    pageCount: toPageCount(pageCount),
    pageSize: PAGE_SIZE,
  });
}

/** Large transactions and fetched pages, against a raw write and fdatasync of as much. */
export async function bulkCosts({
  directory,
  isQuick,
}: BenchContext): Promise<readonly BenchRow[]> {
  const pageCount = (isQuick ? 16 : 64) * (MIB / PAGE_SIZE);
  const size = pageCount * PAGE_SIZE;
  let count = 0;
  const rawWrite: Subject["run"] = () =>
    time(() => {
      const file = openSync(join(directory, `raw-bulk-${count++}`), "w");
      const chunk = new Uint8Array(MIB).fill(7);
      for (let at = 0; at < size; at += MIB) writeSync(file, chunk, 0, MIB, at);
      fdatasyncSync(file);
      closeSync(file);
    });
  const partCount = (16 * MIB) / PAGE_SIZE;
  const parts = Array.from({ length: pageCount / partCount }, (_, part) =>
    pagesOf(Array.from({ length: partCount }, (_, at) => part * partCount + at + 1)),
  );
  const commit: Subject["run"] = () =>
    inNewStore(directory, `bulk-${count++}`, (store) => {
      for (const pages of parts) commitPages(store, pageCount, pages);
    });
  const fetch: Subject["run"] = () =>
    inNewStore(directory, `bulk-${count++}`, (store) => {
      pullTo(store, { lsn: 1, pageCount });
      fetchAll(store, pageCount);
    });
  const measured = await compare(
    [
      { name: "raw write + fdatasync", run: rawWrite },
      { name: "committed, 16 MiB at a time, durable", run: commit },
      { name: "fetched, with the close", run: fetch },
    ],
    3,
  );
  return measured.map(({ name, medianMs }, at) => ({
    name: `bulk pages: ${name}`,
    value: size / 1e3 / medianMs,
    unit: "MB/s",
    ...(at === 0 ? {} : { budget: { min: BULK_MIN_MBPS } }),
  }));
}

/** Making the store is not part of it; making it durable and closing it is. */
async function inNewStore(
  directory: string,
  name: string,
  work: (store: LocalStore) => void,
): Promise<number> {
  const store = openStore(directory, name);
  return time(() => {
    work(store);
    store.close();
  });
}

/** Bytes of disk a byte of page: cached, and while every page is written again and again. */
export async function spaceCosts({
  directory,
  isQuick,
}: BenchContext): Promise<readonly BenchRow[]> {
  const pageCount = isQuick ? 5000 : 25_000;
  const store = openStore(directory, "space");
  pullTo(store, { lsn: 1, pageCount });
  fetchAll(store, pageCount);
  const pageBytes = pageCount * PAGE_SIZE;
  const share = (): number => sizeOf(join(directory, "space")) / pageBytes;
  const cached = share();
  const random = mulberry32(11);
  let most = cached;
  for (let lsn = 2; lsn <= 5; lsn++) {
    for (let done = 0; done < pageCount / 2; done += 100) {
      const pages = Array.from({ length: 100 }, () => (random() % pageCount) + 1);
      commitPages(store, pageCount, pagesOf(pages));
      most = Math.max(most, share());
    }
    push(store, lsn);
  }
  store.close();
  const row = (name: string, value: number): BenchRow => ({
    name: `disk per byte of page: ${name}`,
    value,
    unit: "bytes",
    budget: { max: SPACE_MAX },
  });
  return [
    row("fetched pages", cached),
    row("most, while twice as much is committed", most),
    row("after that, closed", share()),
  ];
}

function sizeOf(directory: string): number {
  let size = 0;
  for (const name of readdirSync(directory)) size += statSync(join(directory, name)).size;
  return size;
}
