/**
 * Walks every page that a database uses and refuses it, naming the page, when it does not hold
 * together: b-trees (types, cells, records, order of rowids), overflow chains, the freelist,
 * pointer maps, and that no page has two owners. What the values mean is not judged: pages are
 * pages.
 *
 * Memory: one bit for each page, and the pages on the way from a root to a leaf.
 */
import type { Clock, GraftError } from "@graft/core";
import { readUint32 } from "../page-one.ts";
import {
  type BtreePage,
  type Payload,
  parseBtreePage,
  type RowidBounds,
  type TreeKind,
} from "./btree-page.ts";
import { damaged } from "./damage.ts";
import type { DatabaseFile } from "./database-file.ts";
import { PageOwners } from "./page-owners.ts";
import { type PointerEntry, PointerMap } from "./pointer-map.ts";
import { readSchema, SCHEMA_TEXT_MAX, type SchemaEntry } from "./schema.ts";

/** Pages read before the event loop gets its turn: ≈ 5 ms. */
const PAGES_PER_TURN = 512;
/** SQLite's own limit on the depth of a b-tree. */
const DEPTH_MAX = 20;

export interface CheckOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly onProgress?: (checkedPageCount: number) => void;
}

/** What the walk learnt. */
export interface CheckedDatabase {
  readonly schema: readonly SchemaEntry[];
}

/** @throws GraftError `corrupt`, with `details.page` · AbortError */
export async function checkDatabase(
  file: DatabaseFile,
  options: CheckOptions,
): Promise<CheckedDatabase> {
  const walk = new Walk(file);
  const steps = walk.run();
  for (let count = 0; ; count += PAGES_PER_TURN) {
    options.signal?.throwIfAborted();
    for (let turn = 0; turn < PAGES_PER_TURN; turn++) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
    options.onProgress?.(Math.min(count + PAGES_PER_TURN, file.pageCount));
    await options.clock.sleep(0);
  }
}

interface Visit {
  readonly page: number;
  readonly entry: PointerEntry;
  readonly depth: number;
  readonly bounds: RowidBounds;
}

const UNBOUNDED: RowidBounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

class Walk {
  readonly #file: DatabaseFile;
  readonly #owners: PageOwners;
  readonly #map: PointerMap | undefined;
  readonly #page: Uint8Array;

  constructor(file: DatabaseFile) {
    this.#file = file;
    this.#owners = new PageOwners(file);
    this.#page = new Uint8Array(file.pageSize);
    this.#map = file.header.isAutoVacuum ? new PointerMap(file, this.#owners) : undefined;
  }

  /** Yields after each page. */
  *run(): Generator<void, CheckedDatabase> {
    const rows: Uint8Array[] = [];
    yield* this.#tree(1, (payload) => void rows.push(this.#readRow(payload)));
    const schema = readSchema(this.#file, rows);
    for (const { name, rootPage } of schema) {
      if (rootPage === 0) continue;
      if (rootPage > this.#file.pageCount) {
        throw damaged(this.#file.path, 1, `the schema puts "${name}" on page ${rootPage}`);
      }
      yield* this.#tree(rootPage);
    }
    yield* this.#freelist();
    return { schema };
  }

  *#tree(root: number, onRow?: (payload: Payload) => void): Generator<void> {
    const pending: Visit[] = [{ page: root, entry: { kind: "root" }, depth: 1, bounds: UNBOUNDED }];
    let tree: TreeKind | undefined;
    for (let visit = pending.pop(); visit !== undefined; visit = pending.pop()) {
      const parsed = this.#readTreePage(visit, onRow !== undefined);
      tree ??= parsed.tree;
      if (parsed.tree !== tree || visit.depth > DEPTH_MAX) {
        throw this.#damaged(visit.page, `it is no part of the ${tree} at page ${root}`);
      }
      for (const payload of parsed.overflows) yield* this.#overflow(visit.page, payload);
      if (parsed.isLeaf && onRow !== undefined) parsed.payloads.forEach(onRow);
      // Right to left: the stack gives them back left to right.
      for (const { page, low, high } of parsed.children.toReversed()) {
        const entry: PointerEntry = { kind: "child", parent: visit.page };
        pending.push({ page, entry, depth: visit.depth + 1, bounds: { low, high } });
      }
      yield;
    }
  }

  #readTreePage({ page, entry, bounds }: Visit, wantsPayloads: boolean): BtreePage {
    this.#own(page, entry);
    this.#file.readPage(page, this.#page);
    const { usableSize } = this.#file.header;
    const parsed = parseBtreePage({
      bytes: this.#page,
      index: page,
      usableSize,
      bounds,
      wantsPayloads,
    });
    if ("fault" in parsed) throw this.#damaged(page, parsed.fault);
    return parsed;
  }

  /** Follows the rest of a payload, which has exactly the pages it needs. */
  *#overflow(parent: number, payload: Payload): Generator<void> {
    const perPage = this.#file.header.usableSize - 4;
    const count = Math.ceil((payload.size - payload.localSize) / perPage);
    const link = new Uint8Array(this.#file.pageSize);
    let page = payload.overflow;
    let from = parent;
    for (let at = 0; at < count; at++) {
      this.#own(page, { kind: at === 0 ? "overflow" : "overflow-rest", parent: from });
      this.#file.readPage(page, link);
      from = page;
      page = readUint32(link, 0);
      yield;
    }
    if (page !== 0) throw this.#damaged(from, `an overflow chain of ${count} pages goes on`);
  }

  *#freelist(): Generator<void> {
    const { freelistFirst, freelistCount, usableSize } = this.#file.header;
    let count = 0;
    for (let trunk = freelistFirst; trunk !== 0; trunk = readUint32(this.#page, 0)) {
      this.#own(trunk, { kind: "free" });
      this.#file.readPage(trunk, this.#page);
      const leafCount = readUint32(this.#page, 4);
      if (leafCount > usableSize / 4 - 2) {
        throw this.#damaged(trunk, `a freelist trunk with ${leafCount} leaves`);
      }
      for (let at = 0; at < leafCount; at++) {
        this.#own(readUint32(this.#page, 8 + at * 4), { kind: "free" }, trunk);
      }
      count += leafCount + 1;
      yield;
    }
    if (count !== freelistCount) {
      throw this.#damaged(1, `the freelist has ${count} pages, the header says ${freelistCount}`);
    }
  }

  /** Each page has one owner, and the pointer map knows which. */
  #own(page: number, entry: PointerEntry, from?: number): void {
    const parent = from ?? ("parent" in entry ? entry.parent : 1);
    this.#owners.take(page, parent);
    this.#map?.check(page, entry);
  }

  /** Enough of a row of the schema to know what it is about. Its overflow chain was checked. */
  #readRow({ offset, localSize, size, overflow }: Payload): Uint8Array {
    const row = new Uint8Array(Math.min(size, SCHEMA_TEXT_MAX));
    const link = new Uint8Array(this.#file.pageSize);
    let filled = Math.min(localSize, row.length);
    row.set(this.#page.subarray(offset, offset + filled));
    for (let page = overflow; page !== 0 && filled < row.length; page = readUint32(link, 0)) {
      this.#file.readPage(page, link);
      const part = link.subarray(4, this.#file.header.usableSize).subarray(0, row.length - filled);
      row.set(part, filled);
      filled += part.length;
    }
    return row;
  }

  #damaged(page: number, why: string): GraftError {
    return damaged(this.#file.path, page, why);
  }
}
