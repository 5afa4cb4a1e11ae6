/** Short words for what the contract does with a store: a page is full of one number. */
import {
  createCommitId,
  type PageIndex,
  type PageSet,
  type PageSize,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { expect } from "vitest";
import type { LocalStore, NewLocalCommit, Pin, RemotePoint } from "../../store/local-store.ts";

/** The store under test, which a test may have opened again. */
export type GetStore = () => LocalStore;

export const PAGE_SIZE: PageSize = toPageSize(512);

export function index(value: number): PageIndex {
  return toPageIndex(value);
}

export function page(content: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(content);
}

export function remote(lsn: number, pageCount: number): RemotePoint {
  return { lsn: toLsn(BigInt(lsn)), pageCount: toPageCount(pageCount), pageSize: PAGE_SIZE };
}

export function commitId(seed: number): ReturnType<typeof createCommitId> {
  return createCommitId(new SeededRandom(seed));
}

export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** Contents by page index. */
export type Contents = Readonly<Record<number, number>>;

export function pagesOf(pageCount: number, contents: Contents): NewLocalCommit {
  const pages = new Map<PageIndex, Uint8Array>();
  for (const [at, content] of Object.entries(contents)) pages.set(index(Number(at)), page(content));
  return { pageCount: toPageCount(pageCount), pages };
}

export function commit(store: LocalStore, pageCount: number, contents: Contents): number {
  return store.commitLocal(pagesOf(pageCount, contents));
}

export function commitAndPin(store: LocalStore, pageCount: number, contents: Contents): Pin {
  commit(store, pageCount, contents);
  return store.pin();
}

export function pull(
  store: LocalStore,
  point: RemotePoint,
  changed: Iterable<number> = [],
): number {
  return pullSet(store, point, pageSetOf([...changed].map(index)));
}

export function pullSet(store: LocalStore, point: RemotePoint, changed: PageSet): number {
  return store.applyRemote(point, changed);
}

export function push(store: LocalStore, lsn: number): void {
  const { pageCount } = store.preparePush(commitId(lsn));
  store.completePush(remote(lsn, pageCount));
}

export function put(store: LocalStore, pin: Pin, contents: Contents): void {
  for (const [at, content] of Object.entries(contents)) {
    store.putFetched(pin, index(Number(at)), page(content));
  }
}

export function fill(store: LocalStore, point: RemotePoint, contents: Contents): void {
  pull(store, point);
  const pin = store.pin();
  put(store, pin, contents);
  pin.close();
}

/** The content of a page, or why there is none. */
export function read(store: LocalStore, pin: Pin, at: number): number | "zeros" | "absent" {
  const target = new Uint8Array(PAGE_SIZE).fill(0xee);
  const kind = store.read(pin, index(at), target);
  if (kind === "absent") return kind;
  const content = target[0] ?? 0;
  expect(target).toEqual(page(content));
  if (kind === "zeros") expect(content).toBe(0);
  return kind === "zeros" ? kind : content;
}

export function readLatest(store: LocalStore, at: number): number | "zeros" | "absent" {
  const pin = store.pin();
  try {
    return read(store, pin, at);
  } finally {
    pin.close();
  }
}
