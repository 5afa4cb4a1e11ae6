/**
 * What a fresh reader of a SQLite database needs first, most needed first, until the budget is
 * spent: the pages of the schema, then the trees level by level from their roots, interior pages
 * before leaves and tables before indexes, then the roots that are leaves.
 *
 *     page 1 ─▶ schema ─▶ roots ─▶ level 2 ─▶ … ─▶ the last interior level
 *
 * All leaves of a tree are equally deep: of a level that can be the leaves one page is looked at.
 */
import type { Page } from "@graft/core";
import { toPageIndex } from "@graft/core";
import {
  type DatabaseHeader,
  readChildren,
  readDatabaseHeader,
  readNextOverflow,
  readRootPage,
  readTableRows,
  readTreePage,
} from "./sqlite-page.ts";

/** Pages of the schema, its overflow chains included: 256 KiB at 4 KiB a page. */
const SCHEMA_PAGE_COUNT_MAX = 64;
/** Trees that are followed. */
const ROOT_COUNT_MAX = 512;
/** Pages of one level that are looked at; as many as a read may name. */
const LEVEL_PAGE_COUNT_MAX = 1024;
/** No tree of 2^32 pages is deeper. */
const DEPTH_MAX = 20;

/** Pages by index. Those that are too dear to get now are left out. */
export type ReadPages = (indexes: readonly number[]) => Promise<ReadonlyMap<number, Uint8Array>>;

/** Takes pages into the bundle; false once it is full. */
export type TakePages = (pages: readonly Page[]) => Promise<boolean>;

export interface OpenBundleParts {
  readonly pageOne: Uint8Array;
  readonly pageCount: number;
  readonly read: ReadPages;
  readonly take: TakePages;
}

/** Finds the pages and hands them over. It ends with any bytes, after a bounded number of reads. */
export async function walkOpenBundle(parts: OpenBundleParts): Promise<void> {
  const header = readDatabaseHeader(parts.pageOne);
  if (header === undefined) return;
  await new BundleWalk(parts, header).run();
}

/** One page, and the tree that it is found in. */
interface Place {
  readonly index: number;
  readonly root: number;
}

class BundleWalk {
  readonly #parts: OpenBundleParts;
  readonly #header: DatabaseHeader;
  /** Whatever was looked at: no page is looked at twice, so every walk ends. */
  readonly #seen = new Set<number>([1]);

  constructor(parts: OpenBundleParts, header: DatabaseHeader) {
    this.#parts = parts;
    this.#header = header;
  }

  async run(): Promise<void> {
    const schema = await this.#readSchema();
    if (!(await this.#take(schema.pages))) return;
    const rootLeaves: Page[] = [];
    let level: readonly Place[] = this.#fresh(schema.roots, ROOT_COUNT_MAX).map((index) => {
      return { index, root: index };
    });
    for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth++) {
      const pages = await this.#read(level.map(({ index }) => index));
      const interior = pages.filter(({ index, data }) => {
        return readTreePage(data, index)?.isLeaf === false;
      });
      if (depth === 0) {
        rootLeaves.push(...pages.filter((page) => !interior.includes(page)));
      }
      if (!(await this.#take(tablesFirst(interior)))) return;
      level = await this.#below(level, interior);
    }
    await this.#take(rootLeaves);
  }

  /** The children of interior pages, without those that are leaves. */
  async #below(level: readonly Place[], interior: readonly Page[]): Promise<readonly Place[]> {
    const rootOf = new Map(level.map(({ index, root }) => [index, root]));
    const byRoot = new Map<number, number[]>();
    for (const { index, data } of tablesFirst(interior)) {
      const root = rootOf.get(index) ?? index;
      const children = byRoot.get(root) ?? [];
      children.push(...readChildren(data, index));
      byRoot.set(root, children);
    }
    const probes = new Map<number, number>();
    for (const [root, [first]] of byRoot) if (first !== undefined) probes.set(root, first);
    const probed = await this.#parts.read(this.#inDatabase([...probes.values()]));
    const below: Place[] = [];
    for (const [root, children] of byRoot) {
      const probe = probes.get(root) ?? 0;
      const data = probed.get(probe);
      if (data === undefined || readTreePage(data, probe)?.isLeaf !== false) continue;
      const room = LEVEL_PAGE_COUNT_MAX - below.length;
      for (const index of this.#fresh(children, room)) below.push({ index, root });
    }
    return below;
  }

  /** The pages of the schema but for page 1, and the roots that it names. */
  async #readSchema(): Promise<{ readonly pages: Page[]; readonly roots: readonly number[] }> {
    const pages: Page[] = [];
    const roots: number[] = [];
    let level: readonly Page[] = [{ index: toPageIndex(1), data: this.#parts.pageOne }];
    while (level.length > 0) {
      const next: number[] = [];
      for (const { index, data } of level) {
        next.push(...readChildren(data, index));
        for (const row of readTableRows(data, index, this.#header)) {
          roots.push(readRootPage(data, row) ?? 0);
          pages.push(...(await this.#readChain(row.overflow, pages.length)));
        }
      }
      level = await this.#read(this.#fresh(next, SCHEMA_PAGE_COUNT_MAX - pages.length));
      pages.push(...level);
    }
    return { pages, roots };
  }

  async #readChain(first: number, known: number): Promise<readonly Page[]> {
    const chain: Page[] = [];
    for (let index = first; known + chain.length < SCHEMA_PAGE_COUNT_MAX; ) {
      const [page] = await this.#read(this.#fresh([index], 1));
      if (page === undefined) break;
      chain.push(page);
      index = readNextOverflow(page.data);
    }
    return chain;
  }

  async #read(indexes: readonly number[]): Promise<readonly Page[]> {
    if (indexes.length === 0) return [];
    const found = await this.#parts.read(indexes);
    const pages: Page[] = [];
    for (const index of indexes) {
      const data = found.get(index);
      if (data !== undefined) pages.push({ index: toPageIndex(index), data });
    }
    return pages;
  }

  #take(pages: readonly Page[]): Promise<boolean> {
    return pages.length === 0 ? Promise.resolve(true) : this.#parts.take(pages);
  }

  /** Of what a page names: pages of the database that were not looked at yet, so many at most. */
  #fresh(indexes: readonly number[], countMax: number): readonly number[] {
    const fresh: number[] = [];
    for (const index of this.#inDatabase(indexes)) {
      if (fresh.length >= countMax) break;
      if (this.#seen.has(index)) continue;
      this.#seen.add(index);
      fresh.push(index);
    }
    return fresh;
  }

  #inDatabase(indexes: readonly number[]): readonly number[] {
    return indexes.filter((index) => index >= 2 && index <= this.#parts.pageCount);
  }
}

/** Pages of tables before those of indexes: every query ends at a table. */
function tablesFirst(pages: readonly Page[]): readonly Page[] {
  const isTable = ({ index, data }: Page): boolean =>
    readTreePage(data, index)?.class.startsWith("table") === true;
  return [...pages.filter(isTable), ...pages.filter((page) => !isTable(page))];
}
