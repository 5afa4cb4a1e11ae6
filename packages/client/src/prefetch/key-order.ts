/**
 * The pages of a SQLite database's trees in the order of their keys, as far as interior pages have
 * come by. An interior page names its children in that order:
 *
 * | offset | size | field |
 * |-------:|-----:|------------------------------------------|
 * | 0 | 1 | 2 index interior, 5 table interior |
 * | 3 | 2 | number of cells |
 * | 8 | 4 | the last child |
 * | 12 | 2 a cell | where it is; its first 4 bytes are a child |
 *
 * Whatever the bytes are, what it tells is a guess: it may be of an older snapshot, or of no tree.
 */

/** Interior pages that are remembered: at 4 KiB a page, 2 MiB for the children of a 2 GB table. */
const PARENT_COUNT_MAX = 1024;
/** No tree of 2^32 pages is deeper. */
const DEPTH_MAX = 20;
const TYPE_INDEX = 2;
const TYPE_TABLE = 5;
const HEADER_SIZE = 12;

export type Direction = 1 | -1;

export class KeyOrder {
  /** Children by their parent; least recently learnt first. */
  readonly #children = new Map<number, Uint32Array>();
  /** Where the last page was found: its neighbours are most likely asked for next. */
  #lastParent = 0;

  /** Looks at a page that came by; cheap for all but interior ones. */
  learn(index: number, page: Uint8Array): void {
    if (page[0] !== TYPE_INDEX && page[0] !== TYPE_TABLE) return;
    const children = readChildren(page);
    if (children === undefined) return;
    this.#children.delete(index);
    this.#children.set(index, children);
    for (const oldest of this.#children.keys()) {
      if (this.#children.size <= PARENT_COUNT_MAX) return;
      this.#children.delete(oldest);
    }
  }

  /**
   * The page next to another one. Of a page that no parent is known for, the one beside it in the
   * file. Undefined where the tree ends, or what is known of it.
   */
  next(page: number, direction: Direction): number | undefined {
    if (this.#locate(page) === undefined) return page + direction;
    return this.#nextInTree(page, direction, 0);
  }

  #nextInTree(page: number, direction: Direction, depth: number): number | undefined {
    const place = this.#locate(page);
    if (place === undefined || depth > DEPTH_MAX) return undefined;
    const beside = place.children[place.at + direction];
    if (beside !== undefined) return beside;
    const parent = this.#nextInTree(place.parent, direction, depth + 1);
    const children = parent === undefined ? undefined : this.#children.get(parent);
    return children?.at(direction === 1 ? 0 : -1);
  }

  #locate(page: number): Place | undefined {
    const last = this.#find(this.#lastParent, page);
    if (last !== undefined) return last;
    for (const parent of this.#children.keys()) {
      const place = this.#find(parent, page);
      if (place === undefined) continue;
      this.#lastParent = parent;
      return place;
    }
    return undefined;
  }

  #find(parent: number, page: number): Place | undefined {
    const children = this.#children.get(parent);
    const at = children?.indexOf(page) ?? -1;
    return children === undefined || at < 0 ? undefined : { parent, children, at };
  }
}

interface Place {
  readonly parent: number;
  readonly children: Uint32Array;
  readonly at: number;
}

function readChildren(page: Uint8Array): Uint32Array | undefined {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const count = view.getUint16(3);
  if (HEADER_SIZE + 2 * count > page.length) return undefined;
  const children = new Uint32Array(count + 1);
  for (let at = 0; at < count; at++) {
    const offset = view.getUint16(HEADER_SIZE + 2 * at);
    if (offset + 4 > page.length) return undefined;
    children[at] = view.getUint32(offset);
  }
  children[count] = view.getUint32(8);
  return children;
}
