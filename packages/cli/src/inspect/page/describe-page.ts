/** One page of a database: what it is, and what its header says. */
import { isZero } from "@graft/core";
import type { Facts, Inspection } from "../facts.ts";
import { btreeKind, describeBtreePage } from "./btree-page.ts";
import {
  DATABASE_HEADER_SIZE,
  type DatabaseHeader,
  decodeDatabaseHeader,
  isDatabase,
} from "./database-header.ts";
import { type FreelistPlace, findInFreelist } from "./freelist.ts";

/** SQLite's locks lie on this byte: the page that holds it is never used. */
const LOCK_BYTE = 0x4000_0000;
const POINTER_KINDS: Readonly<Record<number, string>> = {
  1: "root of a B-tree",
  2: "free page",
  3: "first overflow page",
  4: "later overflow page",
  5: "B-tree page",
};

/** Reads another page of the same database; undefined when it is not here. */
export type ReadPage = (index: number) => Promise<Uint8Array | undefined>;

/**
 * @param readPage for page 1 and the freelist, which say what the page itself does not
 */
export async function describePage(
  page: Uint8Array,
  index: number,
  readPage: ReadPage = async () => undefined,
): Promise<Inspection> {
  const header = await headerOf(page, index, readPage);
  const common: Facts = { page: index, size: page.length };
  const facts = { ...common, ...(await describeContent(page, index, header, readPage)) };
  return { kind: "page", facts, bytes: page };
}

/** What a page is, in a few words, without its details. */
export function pageKind(page: Uint8Array, index: number): string {
  if (isZero(page)) return "zeros";
  const isFirst = index === 1 && isDatabase(page);
  const tree = btreeKind(page, isFirst ? DATABASE_HEADER_SIZE : 0);
  if (tree === undefined) return "overflow, freelist or pointer map";
  return isFirst ? `database header, ${tree}` : tree;
}

async function headerOf(
  page: Uint8Array,
  index: number,
  readPage: ReadPage,
): Promise<DatabaseHeader | undefined> {
  const first = index === 1 ? page : await readPage(1);
  return first !== undefined && isDatabase(first) ? decodeDatabaseHeader(first) : undefined;
}

async function describeContent(
  page: Uint8Array,
  index: number,
  header: DatabaseHeader | undefined,
  readPage: ReadPage,
): Promise<Facts> {
  const usableSize = page.length - (header?.reservedSize ?? 0);
  if (index === 1 && header !== undefined) {
    const tree = describeBtreePage(page, { headerOffset: DATABASE_HEADER_SIZE, usableSize });
    return { is: "database header and root of the schema", database: header.facts, ...tree };
  }
  if (index === Math.floor(LOCK_BYTE / page.length) + 1)
    return { is: "lock-byte page, never used" };
  if (isPointerMap(index, usableSize, header)) return pointerMapFacts(page, index, usableSize);
  const free = header === undefined ? undefined : await findInFreelist(index, header, readPage);
  if (free !== undefined) return freelistFacts(page, free);
  if (isZero(page)) return { is: "zeros" };
  const tree = describeBtreePage(page, { headerOffset: 0, usableSize });
  // NOTE: an overflow page may begin with the byte of a B-tree kind when its chain goes on at a
  // page above 2^25: then its cells do not fit, and `fault` says so.
  if (tree !== undefined) return { is: "B-tree page", ...tree };
  return overflowFacts(page, header);
}

/** Page 2 and every ⌊usable / 5⌋ + 1 after it, in a database with auto-vacuum. */
function isPointerMap(
  index: number,
  usableSize: number,
  header: DatabaseHeader | undefined,
): boolean {
  if (header === undefined || header.largestRoot === 0 || index < 2) return false;
  return (index - 2) % (Math.floor(usableSize / 5) + 1) === 0;
}

function pointerMapFacts(page: Uint8Array, index: number, usableSize: number): Facts {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const entries: Facts[] = [];
  for (let offset = 0; offset + 5 <= usableSize; offset += 5) {
    const kind = view.getUint8(offset);
    if (kind === 0) continue;
    const is = POINTER_KINDS[kind] ?? `kind ${kind}, which is none`;
    entries.push({ page: index + 1 + offset / 5, is, parent: view.getUint32(offset + 1) });
  }
  return { is: "pointer map", entryCount: entries.length, entries };
}

function freelistFacts(page: Uint8Array, place: FreelistPlace): Facts {
  if (place.kind === "leaf")
    return { is: "freelist leaf: its content means nothing", trunk: place.trunk };
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const leafCount = Math.min(view.getUint32(4), page.length / 4 - 2);
  const leaves = Array.from({ length: leafCount }, (_, at) => view.getUint32(8 + 4 * at));
  return { is: "freelist trunk", nextTrunk: view.getUint32(0), leafCount, leaves };
}

function overflowFacts(page: Uint8Array, header: DatabaseHeader | undefined): Facts {
  const next = new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(0);
  const isBeyond = header !== undefined && next > header.pageCount;
  return {
    is: header === undefined ? "overflow page, freelist page or pointer map" : "overflow page",
    nextPage: next,
    fault: isBeyond ? `page ${next} is above the page count ${header.pageCount}` : undefined,
  };
}
