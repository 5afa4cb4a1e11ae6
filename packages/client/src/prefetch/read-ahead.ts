/**
 * What is likely to be read next, told from what was read: whoever reads pages in the order of
 * their keys, forwards or backwards, is a cursor, and gets twice as many pages each time it has
 * used up what it got. A single lookup gets none. What is asked for in vain is at most about what
 * was read.
 *
 *     read ──▶ [front, with the miss][back, beside it]
 *                                    ▲ when this page is read, the next back is asked for
 */
import type { Direction, KeyOrder } from "./key-order.ts";

/** Scans at once that are told apart: of a join, of several statements. */
const CURSOR_COUNT_MAX = 8;
/** From so many pages on, half of them are asked for apart, so that the first ones come early. */
const SPLIT_COUNT = 32;

export interface Ahead {
  /** With the page that is missed. */
  readonly front: readonly number[];
  /** In a request of its own, that nobody waits for. */
  readonly back: readonly number[];
}

export const NOTHING_AHEAD: Ahead = { front: [], back: [] };

interface Cursor {
  direction: Direction;
  /** The last page that was asked for. */
  edge: number;
  /** Pages to ask for the next time. */
  window: number;
  /** Once this page is read, it is time to ask for more; 0: there is none. */
  trigger: number;
}

export class ReadAhead {
  readonly #order: Pick<KeyOrder, "next">;
  readonly #windowMax: number;
  /** Last used first. */
  readonly #cursors: Cursor[] = [];

  /** @param windowMax pages to ask for at once at most */
  constructor(order: Pick<KeyOrder, "next">, windowMax: number) {
    this.#order = order;
    this.#windowMax = windowMax;
  }

  /** The trigger of the cursor that moved last; 0: none. */
  get trigger(): number {
    return this.#cursors[0]?.trigger ?? 0;
  }

  /** A page is missing. */
  missed(page: number): Ahead {
    const cursor = this.#cursors.find((each) => this.#follows(each, page));
    if (cursor === undefined) {
      this.#cursors.unshift({ direction: 1, edge: page, window: 0, trigger: 0 });
      this.#cursors.length = Math.min(this.#cursors.length, CURSOR_COUNT_MAX);
      return NOTHING_AHEAD;
    }
    if (page === cursor.trigger) return this.#advance(cursor, cursor.edge, 0);
    return this.#advance(cursor, page, SPLIT_COUNT);
  }

  /** The page that `trigger` named is read, and here. */
  reached(page: number): Ahead {
    const cursor = this.#cursors.find(({ trigger }) => trigger !== 0 && trigger === page);
    return cursor === undefined ? NOTHING_AHEAD : this.#advance(cursor, cursor.edge, 0);
  }

  #follows(cursor: Cursor, page: number): boolean {
    if (cursor.trigger !== 0 && cursor.trigger === page) return true;
    if (this.#order.next(cursor.edge, cursor.direction) === page) return true;
    // The second page decides which way it goes.
    if (cursor.window > 0 || this.#order.next(cursor.edge, -1) !== page) return false;
    cursor.direction = -1;
    return true;
  }

  /** @param splitCount from so many pages on, half of them are apart; 0: all are */
  #advance(cursor: Cursor, from: number, splitCount: number): Ahead {
    this.#cursors.splice(this.#cursors.indexOf(cursor), 1);
    this.#cursors.unshift(cursor);
    cursor.window = Math.min(Math.max(1, cursor.window * 2), this.#windowMax);
    const pages: number[] = [];
    cursor.edge = from;
    while (pages.length < cursor.window) {
      const next = this.#order.next(cursor.edge, cursor.direction);
      if (next === undefined || next < 1) break;
      pages.push(next);
      cursor.edge = next;
    }
    const isApart = splitCount === 0;
    const frontCount = isApart ? 0 : pages.length < splitCount ? pages.length : pages.length >> 1;
    const [front, back] = [pages.slice(0, frontCount), pages.slice(frontCount)];
    cursor.trigger = back[0] ?? 0;
    return { front, back };
  }
}
