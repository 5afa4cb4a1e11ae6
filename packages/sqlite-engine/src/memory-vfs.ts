/**
 * Files in memory: the smallest complete `Vfs`, and the baseline that benches compare others with.
 * Connections that are given the same `MemoryDisk` see the same files, under real locks.
 */
import { invariant } from "@graft/core";
import { LockTable } from "./lock-table.ts";
import * as code from "./result-codes.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { LockLevel, PragmaAnswer, Vfs, VfsFile, VfsOpenRequest } from "./vfs.ts";
import { LOCK_NONE } from "./vfs.ts";

const CAPACITY_MIN = 65_536;

/** One file's bytes. */
export class MemoryContent {
  readonly locks: LockTable = new LockTable();
  #bytes: Uint8Array = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The bytes as they are: a view, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  read(target: Uint8Array, offset: number): number {
    const end = offset + target.length;
    if (end <= this.#size) {
      target.set(this.#bytes.subarray(offset, end));
      return code.SQLITE_OK;
    }
    const available = this.#bytes.subarray(Math.min(offset, this.#size), this.#size);
    target.set(available);
    target.fill(0, available.length);
    return code.SQLITE_IOERR_SHORT_READ;
  }

  write(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    // What comes back when the file grows again must be zeros.
    this.#bytes.fill(0, Math.min(size, this.#size), this.#size);
    if (size > this.#bytes.length) this.#grow(size);
    this.#size = size;
  }

  #grow(size: number): void {
    const grown = new Uint8Array(Math.max(CAPACITY_MIN, size, this.#bytes.length * 2));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** Named files that connections share. */
export type MemoryDisk = Map<string, MemoryContent>;

/** An open file of a `MemoryVfs`. Never misses. */
export class MemoryFile implements VfsFile {
  readonly sectorSize = 0;
  readonly deviceCharacteristics = 0;
  readonly #content: MemoryContent;
  readonly #onClose: () => void;

  constructor(content: MemoryContent, onClose: () => void) {
    this.#content = content;
    this.#onClose = onClose;
  }

  read(target: Uint8Array, offset: number): number {
    return this.#content.read(target, offset);
  }

  async fetch(): Promise<void> {
    invariant(false, "memory never misses");
  }

  write(bytes: Uint8Array, offset: number): number {
    this.#content.write(bytes, offset);
    return code.SQLITE_OK;
  }

  truncate(size: number): number {
    this.#content.truncate(size);
    return code.SQLITE_OK;
  }

  sync(): number {
    return code.SQLITE_OK;
  }

  size(): number {
    return this.#content.size;
  }

  lock(level: LockLevel): number {
    return this.#content.locks.lock(this, level);
  }

  unlock(level: LockLevel): number {
    this.#content.locks.unlock(this, level);
    return code.SQLITE_OK;
  }

  isReserved(): boolean {
    return this.#content.locks.isReserved;
  }

  commitPoint(): number {
    return code.SQLITE_OK;
  }

  async commit(): Promise<void> {
    invariant(false, "a commit in memory never waits");
  }

  commitPhaseTwo(): number {
    return code.SQLITE_OK;
  }

  pragma(_name: string, _value: string | undefined): PragmaAnswer {
    return { kind: "unknown" };
  }

  close(): void {
    this.#content.locks.unlock(this, LOCK_NONE);
    this.#onClose();
  }
}

/** See the top of the file. */
export class MemoryVfs implements Vfs {
  readonly name = "memory";
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk = new Map()) {
    this.#disk = disk;
  }

  open({ name, create, deleteOnClose }: VfsOpenRequest): VfsFile {
    if (name === undefined) return new MemoryFile(new MemoryContent(), () => undefined);
    let content = this.#disk.get(name);
    if (content === undefined) {
      if (!create) throw new SqliteError(code.SQLITE_CANTOPEN, `there is no file ${name}`);
      content = new MemoryContent();
      this.#disk.set(name, content);
    }
    return new MemoryFile(content, () => {
      if (deleteOnClose) this.delete(name);
    });
  }

  delete(name: string): void {
    this.#disk.delete(name);
  }

  exists(name: string): boolean {
    return this.#disk.has(name);
  }
}
