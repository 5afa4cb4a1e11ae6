/**
 * The end of a log: records are put together in memory, written, and made durable.
 *
 * ```
 * file     header  record … record │ zeros …      buffer: record … record
 *                                written                                 size = written + buffered
 * ```
 *
 * The file is kept ahead of its records with zeros: a flush then writes data only, and not also a
 * new file size, which takes a third less time.
 *
 * A write that failed is undone: the same bytes may be written again. A flush that failed cannot be
 * (what was written since the last good one may never become durable): then the log `isBroken`,
 * takes nothing more, and the store begins a new generation.
 */
import { type File, invariant } from "@graft/core";
import { RECORD_HEADER_SIZE, recordSizeOf, sealRecord } from "./log-record.ts";
import { ImageBuffer } from "./page-image.ts";

const BUFFER_SIZE_MIN = 64 * 1024;
/** A buffer that one large commit made larger than this is given back. */
const BUFFER_SIZE_KEPT_MAX = 4 * 1024 * 1024;

/**
 * Zeros written ahead, at most: 60 commits of one page of 4 KiB. A log that is short, as most are,
 * has as much again as it is long.
 */
const AHEAD = new Uint8Array(256 * 1024);
const AHEAD_SIZE_MIN = 16 * 1024;

/** Where a log ends, and what the next record must say. */
export interface LogEnd {
  readonly offset: number;
  /** Sequence of the last record; 0 without one. */
  readonly sequence: number;
  /** Checksum of the last record, or of the log header. */
  readonly checksum: number;
}

/** A record being put together: its body lies in `buffer` from `bodyOffset` on. */
export interface RecordDraft {
  readonly buffer: ImageBuffer;
  readonly bodyOffset: number;
  /** Where the body will be in the file. */
  readonly bodyFileOffset: number;
}

export class LogWriter {
  readonly generation: number;
  /** What distinguishes places in this log from those in earlier ones (log-places.ts). */
  readonly base: number;
  readonly #file: File;
  #buffer = new ImageBuffer(BUFFER_SIZE_MIN);
  /** Bytes in the buffer that are sealed and not written. */
  #bufferedSize = 0;
  #written: number;
  #synced: number;
  /** Up to here the file has room without growing. */
  #aheadEnd: number;
  #sequence: number;
  #checksum: number;
  #draft: { readonly kind: number; readonly bodySize: number } | undefined;
  #isBroken = false;
  #refusedEnd = 0;

  /** @param end what is there and durable */
  constructor(file: File, generation: number, end: LogEnd, base = 0) {
    this.#file = file;
    this.generation = generation;
    this.base = base;
    this.#written = end.offset;
    this.#synced = end.offset;
    this.#aheadEnd = end.offset;
    this.#sequence = end.sequence;
    this.#checksum = end.checksum;
  }

  /** The file, for pages that lie in records. Only what was written can be read. */
  get file(): File {
    return this.#file;
  }

  /** Bytes of the log, buffered ones included. */
  get size(): number {
    return this.#written + this.#bufferedSize;
  }

  get bufferedSize(): number {
    return this.#bufferedSize;
  }

  /** How much of the file is durable. */
  get syncedSize(): number {
    return this.#synced;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Bytes up to here may be in the file though they failed and were taken back; 0: none. */
  get refusedEnd(): number {
    return this.#refusedEnd;
  }

  /** Where the log ends as it was written. */
  get end(): LogEnd {
    invariant(this.#bufferedSize === 0, "nothing is buffered");
    return { offset: this.#written, sequence: this.#sequence, checksum: this.#checksum };
  }

  /** The log ends here now: another process wrote on, or what was written last does not count. */
  follow(end: LogEnd, syncedSize: number): void {
    this.#bufferedSize = 0;
    this.#written = end.offset;
    this.#sequence = end.sequence;
    this.#checksum = end.checksum;
    this.#synced = Math.min(Math.max(this.#synced, syncedSize), end.offset);
    this.#aheadEnd = Math.max(this.#aheadEnd, end.offset);
  }

  /** Begins a record; its body must be filled before `seal`. */
  begin(kind: number, bodySize: number): RecordDraft {
    invariant(!this.#isBroken, "a broken log takes no records");
    this.#draft = { kind, bodySize };
    this.#reserve(this.#bufferedSize + recordSizeOf(bodySize));
    return {
      buffer: this.#buffer,
      bodyOffset: this.#bufferedSize + RECORD_HEADER_SIZE,
      bodyFileOffset: this.size + RECORD_HEADER_SIZE,
    };
  }

  /** Ends the record that was begun. It is in the buffer now. */
  seal(): void {
    const draft = this.#draft;
    invariant(draft !== undefined, "a record was begun");
    this.#draft = undefined;
    this.#checksum = sealRecord(this.#buffer, this.#bufferedSize, {
      kind: draft.kind,
      bodySize: draft.bodySize,
      generation: this.generation,
      previous: this.#checksum,
      sequence: ++this.#sequence,
      synced: this.#synced,
    });
    this.#bufferedSize += recordSizeOf(draft.bodySize);
  }

  /** Adds a record with this body. */
  append(kind: number, body: Uint8Array): void {
    const { buffer, bodyOffset } = this.begin(kind, body.length);
    buffer.bytes.set(body, bodyOffset);
    this.seal();
  }

  /** Runs `add`, which adds records, and writes them. When it throws, none of them was added. */
  writing<T>(add: () => T): T {
    const sequence = this.#sequence;
    const checksum = this.#checksum;
    const bufferedSize = this.#bufferedSize;
    try {
      const result = add();
      this.write();
      return result;
    } catch (error) {
      this.#draft = undefined;
      this.#sequence = sequence;
      this.#checksum = checksum;
      this.#bufferedSize = bufferedSize;
      throw error;
    }
  }

  /** Writes what is buffered. The process may die after it; the machine may not. */
  write(): void {
    invariant(!this.#isBroken, "a broken log is not written");
    if (this.#bufferedSize === 0) return;
    try {
      this.#file.write(this.#buffer.bytes.subarray(0, this.#bufferedSize), this.#written);
    } catch (error) {
      this.#cutToWritten();
      throw error;
    }
    this.#written += this.#bufferedSize;
    this.#bufferedSize = 0;
    if (this.#written > this.#aheadEnd) this.#writeAhead();
    if (this.#buffer.bytes.length > BUFFER_SIZE_KEPT_MAX) {
      this.#buffer = new ImageBuffer(BUFFER_SIZE_MIN);
    }
  }

  /** Writes what is buffered and makes the log durable up to its end. */
  sync(): void {
    this.write();
    if (this.#synced === this.#written) return;
    try {
      this.#file.sync();
    } catch (error) {
      this.#break(this.#written);
      throw error;
    }
    this.#synced = this.#written;
  }

  /** Takes no more records: another generation may have begun. */
  giveUp(): void {
    this.#isBroken = true;
  }

  /** @param isLast whether nobody else writes it: then it ends with its last record */
  close(isLast: boolean): void {
    if (isLast && this.#aheadEnd > this.#written) this.#cutAhead();
    this.#file.close();
  }

  /** Best done, and never owed: without it a flush takes longer. The disk may be full. */
  #writeAhead(): void {
    const size = Math.min(AHEAD.length, Math.max(AHEAD_SIZE_MIN, this.#written));
    this.#aheadEnd = this.#written + size;
    try {
      this.#file.write(AHEAD.subarray(0, size), this.#written);
    } catch {
      this.#cutAhead();
    }
  }

  /** Zeros after the last record harm nothing if they stay. */
  #cutAhead(): void {
    try {
      this.#file.truncate(this.#written);
    } catch {
      return;
    }
  }

  /**
   * A write that failed may have left some of its bytes, or all, and taken room on a full disk.
   * They must not be there after a crash either.
   */
  #cutToWritten(): void {
    try {
      this.#file.truncate(this.#written);
      this.#aheadEnd = this.#written;
      this.#file.sync();
      this.#synced = this.#written;
    } catch {
      // The first error is the one that says what happened.
      this.#break(this.#written + this.#bufferedSize);
    }
  }

  #break(refusedEnd: number): void {
    this.#isBroken = true;
    this.#refusedEnd = refusedEnd;
  }

  #reserve(size: number): void {
    const old = this.#buffer;
    if (size <= old.bytes.length) return;
    this.#buffer = new ImageBuffer(Math.max(size, old.bytes.length * 2));
    this.#buffer.bytes.set(old.bytes.subarray(0, this.#bufferedSize));
  }
}
