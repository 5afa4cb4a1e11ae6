/**
 * Who has the store open. Each process holds the lock of one place and says there, in a file that
 * is never flushed, what it may still read (docs/formats/local-store.md, "Processes").
 *
 * ```
 * 0   4  magic "GRFT"
 * 4   4  opener number
 * 8   1  1 while it reads
 * 9   3  0
 * 12  8  position: what records up to here freed, it cannot name
 * 20  4  checksum of 0 … 20
 * ```
 */
import { type Clock, type File, type FileLock, type FileSystem, GraftError } from "@graft/core";
import { ImageBuffer } from "./page-image.ts";
import { PROCESS_COUNT_MAX, type StoreFiles } from "./store-files.ts";
import { xxh32 } from "./xxh32.ts";

const AT = { magic: 0, opener: 4, isReading: 8, position: 12, checksum: 20 } as const;
const RECORD_SIZE = 24;
/** "GRFT", read as a little-endian number. */
const MAGIC = 0x5446_5247;
const TWO_32 = 0x1_0000_0000;
/** A record that is torn this often is damaged. */
const READ_COUNT_MAX = 8;
/** How long a process that was seen alive counts as alive. */
const SEEN_MS = 1000;

/** Reads nothing: it cannot name what any record freed. */
export const READS_NOTHING: number = Number.POSITIVE_INFINITY;

interface Peer {
  readonly place: number;
  /** Undefined when it cannot be read. */
  readonly opener: number | undefined;
}

export class Processes {
  readonly #fileSystem: FileSystem;
  readonly #files: StoreFiles;
  readonly #clock: Clock | undefined;
  readonly #buffer = new ImageBuffer(RECORD_SIZE);
  #own: { readonly place: number; readonly lock: FileLock; readonly file: File } | undefined;
  #opener = 0;
  #peers: readonly Peer[] = [];
  #seenMs = Number.NEGATIVE_INFINITY;

  constructor(fileSystem: FileSystem, files: StoreFiles, clock: Clock | undefined) {
    this.#fileSystem = fileSystem;
    this.#files = files;
    this.#clock = clock;
  }

  /** This process's number among all that ever opened the store. */
  get opener(): number {
    return this.#opener;
  }

  /**
   * Takes a place. The caller holds the append lock.
   *
   * @param openerMin a number that no opener had
   * @param position what it may read
   * @throws GraftError `busy`: as many processes as there may be
   */
  join(openerMin: number, position: number): void {
    let opener = openerMin;
    let taken: { readonly place: number; readonly lock: FileLock } | undefined;
    for (let place = 0; place < PROCESS_COUNT_MAX; place++) {
      opener = Math.max(opener, (this.#read(place)?.opener ?? 0) + 1);
      if (taken !== undefined) continue;
      const lock = this.#fileSystem.lock(this.#files.processLock(place));
      if (lock !== undefined) taken = { place, lock };
      else continue;
    }
    if (taken === undefined) {
      throw new GraftError(
        "busy",
        `"${this.#files.directory}" is open in ${PROCESS_COUNT_MAX} processes: close one`,
      );
    }
    this.#opener = opener;
    const file = this.#fileSystem.open(this.#files.process(taken.place), "create");
    this.#own = { ...taken, file };
    try {
      this.publish(position);
    } catch {
      // A full disk. What another process left there must not speak for this one: an empty file
      // says that it may read anything.
      file.truncate(0);
    }
  }

  /** Tells what this process may read from now on. @throws GraftError `io` */
  publish(position: number): void {
    const { bytes, view } = this.#buffer;
    const isReading = position !== READS_NOTHING;
    const known = isReading ? position : 0;
    view.setUint32(AT.magic, MAGIC, true);
    view.setUint32(AT.opener, this.#opener, true);
    view.setUint32(AT.isReading, isReading ? 1 : 0, true);
    view.setUint32(AT.position, known % TWO_32, true);
    view.setUint32(AT.position + 4, Math.floor(known / TWO_32), true);
    view.setUint32(AT.checksum, xxh32(view, 0, AT.checksum), true);
    this.#own?.file.write(bytes, 0);
  }

  /** Whether an opener may still live, as seen lately. */
  mayLive(opener: number): boolean {
    if (opener === this.#opener) return true;
    this.#look();
    return this.#peers.some((peer) => peer.opener === undefined || peer.opener === opener);
  }

  /** Whether nobody else has the store open, as seen lately. */
  isAlone(): boolean {
    this.#look();
    return this.#peers.length === 0;
  }

  /** The least position that another process may read from. */
  oldestRead(): number {
    this.#look();
    let oldest = READS_NOTHING;
    for (const { place } of this.#peers) {
      // What cannot be read may say anything.
      oldest = Math.min(oldest, this.#read(place)?.position ?? 0);
    }
    return oldest;
  }

  /** Somebody came, or may have: the next question is answered by a new look. */
  forget(): void {
    this.#seenMs = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    this.#own?.file.close();
    this.#own?.lock.close();
    this.#own = undefined;
  }

  #look(): void {
    const now = this.#clock?.monotonicMs() ?? Number.POSITIVE_INFINITY;
    if (now - this.#seenMs < SEEN_MS) return;
    this.#seenMs = now;
    const peers: Peer[] = [];
    const names = new Set(this.#fileSystem.list(this.#files.directory));
    for (let place = 0; place < PROCESS_COUNT_MAX; place++) {
      if (place === this.#own?.place || !names.has(`process-${place}.lock`)) continue;
      if (!this.#isAlive(place)) continue;
      peers.push({ place, opener: this.#read(place)?.opener });
    }
    this.#peers = peers;
  }

  #isAlive(place: number): boolean {
    const lock = this.#fileSystem.lock(this.#files.processLock(place));
    lock?.close();
    return lock === undefined;
  }

  #read(place: number): ProcessRecord | undefined {
    const path = this.#files.process(place);
    if (this.#fileSystem.stat(path) === undefined) return undefined;
    const file = this.#fileSystem.open(path, "read");
    try {
      let record: ProcessRecord | undefined;
      for (let left = READ_COUNT_MAX; left > 0 && record === undefined; left--) {
        record = readProcess(file);
      }
      return record;
    } finally {
      file.close();
    }
  }
}

interface ProcessRecord {
  readonly opener: number;
  readonly position: number;
}

/** Undefined also when it was read while it was written. */
function readProcess(file: File): ProcessRecord | undefined {
  const { bytes, view } = new ImageBuffer(RECORD_SIZE);
  if (file.read(bytes, 0) < RECORD_SIZE) return undefined;
  if (view.getUint32(AT.magic, true) !== MAGIC) return undefined;
  if (view.getUint32(AT.checksum, true) !== xxh32(view, 0, AT.checksum)) return undefined;
  const position =
    view.getUint32(AT.position, true) + view.getUint32(AT.position + 4, true) * TWO_32;
  const isReading = view.getUint32(AT.isReading, true) === 1;
  return {
    opener: view.getUint32(AT.opener, true),
    position: isReading ? position : READS_NOTHING,
  };
}
