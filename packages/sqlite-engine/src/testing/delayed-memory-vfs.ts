/**
 * A `MemoryVfs` whose main files are far away: a block that has not been fetched is missed, and
 * comes after a random delay. Journals and temporary files stay near, as they do in a real one.
 * With a seeded random and a simulated clock every run is repeatable.
 */
import type { Clock } from "@graft/core";
import type { SeededRandom } from "@graft/core/testing";
import type { MemoryDisk } from "../memory-vfs.ts";
import { MemoryVfs } from "../memory-vfs.ts";
import * as code from "../result-codes.ts";
import type {
  FetchRequest,
  LockLevel,
  PragmaAnswer,
  Vfs,
  VfsFile,
  VfsOpenRequest,
} from "../vfs.ts";
import { MISS } from "../vfs.ts";

export interface DelayedMemoryVfsOptions {
  readonly disk: MemoryDisk;
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Bytes that come and go together. Default 4096. */
  readonly blockSize?: number;
  /** A fetch takes up to this long. Default 20 ms. */
  readonly latencyMsMax?: number;
  /** More blocks than this are not kept, others are forgotten at random; 0: fetches are in vain. */
  readonly blocksMax?: number;
  /** Blocks fetched with a missed one, for each time the statement was run again. Default 0. */
  readonly readAhead?: number;
  /** Whether commits take their time, too. */
  readonly commitsWait?: boolean;
  /** Pragmas answered after a delay: name → answer. */
  readonly pragmas?: Readonly<Record<string, (value: string | undefined) => string>>;
}

export class DelayedMemoryVfs implements Vfs {
  readonly name = "delayed-memory";
  readonly options: DelayedMemoryVfsOptions;
  /** How many fetches were asked for. */
  fetchCount = 0;
  /** Fetches that are under way. */
  fetchesInFlight = 0;
  /** What the next fetches reject with, in order; `undefined` lets one pass. */
  readonly fetchFailures: (Error | undefined)[] = [];
  /** What the next commit points of main files answer, in order. */
  readonly commitAnswers: number[] = [];
  readonly #inner: MemoryVfs;
  readonly #present: Set<string> = new Set();

  constructor(options: DelayedMemoryVfsOptions) {
    this.options = options;
    this.#inner = new MemoryVfs(options.disk);
  }

  open(request: VfsOpenRequest): VfsFile {
    const file = this.#inner.open(request);
    return request.kind === "main" ? new DelayedFile(this, file, request.name ?? "") : file;
  }

  delete(name: string): void {
    this.#inner.delete(name);
  }

  exists(name: string): boolean {
    return this.#inner.exists(name);
  }

  /** Forgets every block: all is far away again. */
  forgetAll(): void {
    this.#present.clear();
  }

  hasBlock(key: string): boolean {
    return this.#present.has(key);
  }

  addBlock(key: string): void {
    const { blocksMax = Number.POSITIVE_INFINITY, random } = this.options;
    if (blocksMax === 0) return;
    this.#present.add(key);
    while (this.#present.size > blocksMax) {
      const victim = random.pick([...this.#present]);
      // What has just come is still to be read.
      if (victim !== key) this.#present.delete(victim);
    }
  }

  /** A random while. */
  delay(signal?: AbortSignal): Promise<void> {
    const { clock, random, latencyMsMax = 20 } = this.options;
    return clock.sleep(random.integer(0, latencyMsMax), signal);
  }
}

class DelayedFile implements VfsFile {
  readonly #vfs: DelayedMemoryVfs;
  readonly #inner: VfsFile;
  readonly #name: string;
  #isCommitted = false;
  #isRefused = false;

  constructor(vfs: DelayedMemoryVfs, inner: VfsFile, name: string) {
    this.#vfs = vfs;
    this.#inner = inner;
    this.#name = name;
  }

  get sectorSize(): number {
    return this.#inner.sectorSize;
  }

  get deviceCharacteristics(): number {
    return this.#inner.deviceCharacteristics;
  }

  read(target: Uint8Array, offset: number): number {
    const isHere = this.#blocks(offset, target.length).every((key) => this.#vfs.hasBlock(key));
    return isHere ? this.#inner.read(target, offset) : MISS;
  }

  async fetch(offset: number, size: number, request: FetchRequest): Promise<void> {
    this.#vfs.fetchCount++;
    this.#vfs.fetchesInFlight++;
    try {
      await this.#vfs.delay(request.signal);
      const failure = this.#vfs.fetchFailures.shift();
      if (failure !== undefined) throw failure;
      const { blockSize = 4096, readAhead = 0 } = this.#vfs.options;
      const ahead = readAhead * request.rerunCount * blockSize;
      for (const key of this.#blocks(offset, size + ahead)) this.#vfs.addBlock(key);
    } finally {
      this.#vfs.fetchesInFlight--;
    }
  }

  write(bytes: Uint8Array, offset: number): number {
    for (const key of this.#blocks(offset, bytes.length)) this.#vfs.addBlock(key);
    return this.#inner.write(bytes, offset);
  }

  truncate(size: number): number {
    return this.#inner.truncate(size);
  }

  sync(): number {
    return this.#inner.sync();
  }

  size(): number {
    return this.#inner.size();
  }

  lock(level: LockLevel): number {
    return this.#inner.lock(level);
  }

  unlock(level: LockLevel): number {
    return this.#inner.unlock(level);
  }

  isReserved(): boolean {
    return this.#inner.isReserved();
  }

  commitPoint(): number {
    if (this.#isRefused) {
      // SQLite has written the original pages back: nothing is left to commit.
      this.#isRefused = false;
      return code.SQLITE_OK;
    }
    if (this.#vfs.options.commitsWait === true && !this.#isCommitted) return MISS;
    this.#isCommitted = false;
    const answer = this.#vfs.commitAnswers.shift() ?? code.SQLITE_OK;
    this.#isRefused = answer !== code.SQLITE_OK;
    return answer;
  }

  async commit(): Promise<void> {
    await this.#vfs.delay();
    this.#isCommitted = true;
  }

  commitPhaseTwo(): number {
    return this.#inner.commitPhaseTwo();
  }

  pragma(name: string, value: string | undefined): PragmaAnswer {
    const answer = this.#vfs.options.pragmas?.[name];
    if (answer === undefined) return { kind: "unknown" };
    return {
      kind: "async",
      run: async (signal) => {
        await this.#vfs.delay(signal);
        return answer(value);
      },
    };
  }

  close(): void {
    this.#inner.close();
  }

  #blocks(offset: number, size: number): string[] {
    const { blockSize = 4096 } = this.#vfs.options;
    const first = Math.floor(offset / blockSize);
    const last = Math.floor((offset + size - 1) / blockSize);
    return Array.from({ length: last - first + 1 }, (_, at) => `${this.#name}:${first + at}`);
  }
}
