/**
 * Memory that a PageStore shares with a thread that runs SQL. One page is under way at a time: the
 * thread asks by a message and sleeps until `turn` says that the answer is there.
 *
 *     words 0…15    turn · stop · answer · touched count
 *     words 16…     indexes of the pages that were touched, in the order of the first touch
 *     bytes behind  one page
 *
 * What the thread touched is here at any moment, so that it is known also of one that was killed.
 */
import { PAGE_SIZE_MAX } from "@graft/core";
import { TOUCHED_COUNT_MAX } from "./query-runner.ts";

const TURN = 0;
const STOP = 1;
const ANSWER = 2;
const TOUCHED_COUNT = 3;
const HEADER_WORDS = 16;
const PAGE_OFFSET = 4 * (HEADER_WORDS + TOUCHED_COUNT_MAX);

const TURN_WAITING = 1;
const TURN_ANSWERED = 2;

const ANSWER_PAGE = 0;
const ANSWER_ZEROS = 1;
const ANSWER_FAILED = 2;

/** What came back for a page. */
export type PageAnswer = "page" | "zeros" | "failed";

/** Both sides of the channel. Of its methods, each says whose it is. */
export class QueryChannel {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #touched: Uint32Array;
  readonly #page: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(PAGE_OFFSET + PAGE_SIZE_MAX)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#touched = new Uint32Array(buffer, 4 * HEADER_WORDS, TOUCHED_COUNT_MAX);
    this.#page = new Uint8Array(buffer, PAGE_OFFSET);
  }

  /** PageStore: before a run. The thread must be idle. */
  reset(): void {
    for (let word = 0; word < HEADER_WORDS; word++) Atomics.store(this.#words, word, 0);
  }

  /** PageStore: the page that the thread waits for, if it does. */
  answer(page: Uint8Array | "zeros" | "failed"): void {
    const kind = page === "zeros" ? ANSWER_ZEROS : page === "failed" ? ANSWER_FAILED : ANSWER_PAGE;
    if (typeof page !== "string") this.#page.set(page);
    Atomics.store(this.#words, ANSWER, kind);
    Atomics.store(this.#words, TURN, TURN_ANSWERED);
    Atomics.notify(this.#words, TURN);
  }

  /** PageStore: the run is to end soon; a page that it waits for will not come. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    if (Atomics.load(this.#words, TURN) === TURN_WAITING) this.answer("failed");
  }

  /** PageStore: what was touched so far. */
  touched(): readonly number[] {
    const count = Math.min(Atomics.load(this.#words, TOUCHED_COUNT), TOUCHED_COUNT_MAX);
    return [...this.#touched.subarray(0, count)];
  }

  /** Thread: whether the run is to end. */
  get isStopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  /** Thread: remembers the first touch of a page; false when there is no room for another. */
  touch(index: number): boolean {
    const count = Atomics.load(this.#words, TOUCHED_COUNT);
    if (count >= TOUCHED_COUNT_MAX) return false;
    this.#touched[count] = index;
    Atomics.store(this.#words, TOUCHED_COUNT, count + 1);
    return true;
  }

  /** Thread: sleeps until the answer to what `ask` asks has come. */
  wait(ask: () => void): PageAnswer {
    Atomics.store(this.#words, TURN, TURN_WAITING);
    if (this.isStopped) return "failed";
    ask();
    while (Atomics.load(this.#words, TURN) === TURN_WAITING) {
      Atomics.wait(this.#words, TURN, TURN_WAITING);
    }
    const kind = Atomics.load(this.#words, ANSWER);
    return kind === ANSWER_PAGE ? "page" : kind === ANSWER_ZEROS ? "zeros" : "failed";
  }

  /** Thread: the page that came: a view, valid until the next `wait`. */
  page(pageSize: number): Uint8Array {
    return this.#page.subarray(0, pageSize);
  }
}
