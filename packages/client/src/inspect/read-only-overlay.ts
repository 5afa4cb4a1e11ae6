/**
 * A file system that never changes the one underneath: what is written to it stays in memory and
 * goes with it. Recovery runs on it, so that a tool sees what an open would find, and leaves no
 * trace.
 */
import {
  type ByteRange,
  concatBytes,
  type File,
  type FileLock,
  type FileMode,
  type FileStat,
  type FileSystem,
  GraftError,
  type ReusableLock,
} from "@graft/core";

/** Bytes of a piece of a file that is kept in memory once a part of it was written. */
const PIECE_SIZE = 4096;

/** Reads from `base`; keeps every change to itself. Locks are granted and mean nothing. */
export class ReadOnlyOverlay implements FileSystem {
  readonly #base: FileSystem;
  /** Files that were opened for writing, made or renamed here; undefined: removed here. */
  readonly #changed = new Map<string, OverlayContent | undefined>();
  readonly #directories = new Set<string>();

  constructor(base: FileSystem) {
    this.#base = base;
  }

  open(path: string, mode: FileMode): File {
    const content = this.#find(path);
    if (content !== undefined) {
      if (mode === "create-new") throw new GraftError("busy", `"${path}" exists already`);
      return new OverlayFile(content, mode === "read");
    }
    if (mode === "create" || mode === "create-new") {
      const created = new OverlayContent(undefined);
      this.#changed.set(path, created);
      return new OverlayFile(created, false);
    }
    throw new GraftError("not-found", `"${path}" does not exist`);
  }

  makeDirectory(path: string): void {
    if (this.#base.stat(path) === undefined) this.#directories.add(path);
  }

  list(path: string): readonly string[] | undefined {
    const below = this.#base.list(path);
    const names = new Set(below ?? []);
    for (const [changed, content] of this.#changed) {
      const at = changed.lastIndexOf("/");
      if (changed.slice(0, at) !== path) continue;
      if (content === undefined) names.delete(changed.slice(at + 1));
      else names.add(changed.slice(at + 1));
    }
    const isThere = below !== undefined || names.size > 0 || this.#directories.has(path);
    return isThere ? [...names].sort() : undefined;
  }

  stat(path: string): FileStat | undefined {
    if (!this.#changed.has(path)) {
      const below = this.#base.stat(path);
      if (below !== undefined || !this.#directories.has(path)) return below;
      return { kind: "directory", size: 0, identity: path, modifiedMs: 0 };
    }
    const content = this.#changed.get(path);
    if (content === undefined) return undefined;
    return { kind: "file", size: content.size(), identity: path, modifiedMs: 0 };
  }

  rename(from: string, to: string): void {
    const content = this.#find(from);
    if (content === undefined) throw new GraftError("not-found", `"${from}" does not exist`);
    this.#changed.set(to, content);
    this.#changed.set(from, undefined);
  }

  remove(path: string): boolean {
    const wasThere = this.stat(path) !== undefined;
    if (wasThere) this.#changed.set(path, undefined);
    return wasThere;
  }

  async removeWhole(path: string): Promise<boolean> {
    return this.remove(path);
  }

  removeTree(path: string): boolean {
    throw new GraftError("io", `"${path}" is only looked at`, { details: { reason: "read-only" } });
  }

  syncDirectory(): void {}

  lock(): FileLock {
    return { close: () => undefined };
  }

  openLock(): ReusableLock {
    const nothing = (): void => undefined;
    return { tryLock: () => true, lock: () => true, unlock: nothing, close: nothing };
  }

  async readWhole(path: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    if (!this.#changed.has(path)) return await this.#base.readWhole(path, range);
    const content = this.#changed.get(path);
    if (content === undefined) return undefined;
    const { offset, size } = range ?? { offset: 0, size: content.size() };
    const bytes = new Uint8Array(Math.max(0, Math.min(size, content.size() - offset)));
    content.read(bytes, offset);
    return bytes;
  }

  async writeWhole(
    path: string,
    parts: readonly Uint8Array[],
    mode: "replace" | "create-only",
  ): Promise<boolean> {
    if (mode === "create-only" && this.stat(path) !== undefined) return false;
    const content = new OverlayContent(undefined);
    content.write(concatBytes(parts), 0);
    this.#changed.set(path, content);
    return true;
  }

  /** Lets go of the files underneath. */
  close(): void {
    for (const content of this.#changed.values()) content?.close();
    this.#changed.clear();
  }

  #find(path: string): OverlayContent | undefined {
    if (this.#changed.has(path)) return this.#changed.get(path);
    if (this.#base.stat(path)?.kind !== "file") return undefined;
    const content = new OverlayContent(this.#base.open(path, "read"));
    this.#changed.set(path, content);
    return content;
  }
}

/** A file's bytes: pieces that were written here over those of the file underneath. */
class OverlayContent {
  readonly #base: File | undefined;
  readonly #pieces = new Map<number, Uint8Array>();
  /** Bytes of the base that still count: fewer after it was cut here. */
  #baseSize: number;
  #size: number;

  constructor(base: File | undefined) {
    this.#base = base;
    this.#baseSize = base?.size() ?? 0;
    this.#size = this.#baseSize;
  }

  size(): number {
    return this.#size;
  }

  read(target: Uint8Array, offset: number): number {
    const size = Math.max(0, Math.min(target.length, this.#size - offset));
    const part = target.subarray(0, size).fill(0);
    const fromBase = Math.min(size, Math.max(0, this.#baseSize - offset));
    if (fromBase > 0) this.#base?.read(part.subarray(0, fromBase), offset);
    if (this.#pieces.size === 0) return size;
    for (let at = 0; at < size; ) {
      const piece = this.#pieces.get(Math.floor((offset + at) / PIECE_SIZE));
      const within = (offset + at) % PIECE_SIZE;
      const count = Math.min(size - at, PIECE_SIZE - within);
      if (piece !== undefined) part.set(piece.subarray(within, within + count), at);
      at += count;
    }
    return size;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#size = Math.max(this.#size, offset + bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const number = Math.floor((offset + at) / PIECE_SIZE);
      const within = (offset + at) % PIECE_SIZE;
      const count = Math.min(bytes.length - at, PIECE_SIZE - within);
      this.#pieceToWrite(number).set(bytes.subarray(at, at + count), within);
      at += count;
    }
  }

  truncate(size: number): void {
    if (size < this.#size) {
      const last = Math.floor(size / PIECE_SIZE);
      for (const number of this.#pieces.keys()) if (number > last) this.#pieces.delete(number);
      this.#pieces.get(last)?.fill(0, size % PIECE_SIZE);
      this.#baseSize = Math.min(this.#baseSize, size);
    }
    this.#size = size;
  }

  close(): void {
    this.#base?.close();
  }

  #pieceToWrite(number: number): Uint8Array {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const piece = new Uint8Array(PIECE_SIZE);
    const offset = number * PIECE_SIZE;
    const fromBase = Math.min(PIECE_SIZE, Math.max(0, this.#baseSize - offset));
    if (fromBase > 0) this.#base?.read(piece.subarray(0, fromBase), offset);
    this.#pieces.set(number, piece);
    return piece;
  }
}

/** One use of a content. Closing it keeps the content, which goes with the file system. */
class OverlayFile implements File {
  readonly #content: OverlayContent;
  readonly #isReadOnly: boolean;

  constructor(content: OverlayContent, isReadOnly: boolean) {
    this.#content = content;
    this.#isReadOnly = isReadOnly;
  }

  read(target: Uint8Array, offset: number): number {
    return this.#content.read(target, offset);
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#mustBeWritable();
    this.#content.write(bytes, offset);
  }

  truncate(size: number): void {
    this.#mustBeWritable();
    this.#content.truncate(size);
  }

  size(): number {
    return this.#content.size();
  }

  sync(): void {}

  close(): void {}

  #mustBeWritable(): void {
    if (!this.#isReadOnly) return;
    const details = { reason: "read-only" };
    throw new GraftError("io", "the file was opened for reading", { details });
  }
}
