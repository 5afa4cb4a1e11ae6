import { join } from "node:path";
import { type LocalStore, type LocalStoreOptions, openLocalStore } from "@graft/client";
import {
  MutablePageSet,
  type PageIndex,
  type PageSize,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toVolumeId,
} from "@graft/core";
import { nodeFileSystem } from "@graft/core/node";

export const PAGE_SIZE: PageSize = toPageSize(4096);

const volumeId = toVolumeId(Uint8Array.of(0x80, ...new Uint8Array(15)));

/** A store with the options of an ordinary client. */
export function openStore(
  directory: string,
  name: string,
  options: Partial<LocalStoreOptions> = {},
): LocalStore {
  return openLocalStore({
    fileSystem: nodeFileSystem,
    directory: join(directory, name),
    volumeId,
    ...options,
  });
}

/** Makes the volume end at a page, as of an LSN; the pages that changed are not here. */
export function pullTo(
  store: LocalStore,
  remote: { readonly lsn: number; readonly pageCount: number },
  changed: readonly number[] = [],
): void {
  const pages = new MutablePageSet();
  for (const page of changed) pages.insert(page);
  const lsn = toLsn(BigInt(remote.lsn));
  store.applyRemote({ lsn, pageCount: toPageCount(remote.pageCount), pageSize: PAGE_SIZE }, pages);
}

/** Fetches pages 1 … count, each with bytes of its own. */
export function fetchAll(store: LocalStore, count: number): void {
  const pin = store.pin();
  const data = new Uint8Array(PAGE_SIZE);
  for (let page = 1; page <= count; page++)
    store.putFetched(pin, toPageIndex(page), fill(data, page));
  pin.close();
}

/** A store of pages 1 … count, fetched. */
export function fillStore(directory: string, name: string, count: number): void {
  const store = openStore(directory, name);
  pullTo(store, { lsn: 1, pageCount: count });
  fetchAll(store, count);
  store.close();
}

/** Bytes that no two pages share. */
export function fill(data: Uint8Array, page: number): Uint8Array {
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += 64) view.setUint32(at, page + at);
  return data;
}

/** What a commit writes: these pages, with bytes of their own. */
export function pagesOf(pages: Iterable<number>): Map<PageIndex, Uint8Array> {
  const written = new Map<PageIndex, Uint8Array>();
  for (const page of pages) written.set(toPageIndex(page), fill(new Uint8Array(PAGE_SIZE), page));
  return written;
}

export function commitPages(
  store: LocalStore,
  pageCount: number,
  pages: Map<PageIndex, Uint8Array>,
): void {
  store.commitLocal({ pageCount: toPageCount(pageCount), pages });
}
