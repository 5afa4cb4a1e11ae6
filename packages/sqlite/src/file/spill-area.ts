import {
  encodeHex,
  type File,
  type FileSystem,
  GraftError,
  type Random,
  randomBytes,
} from "@graft/core";

/** Bytes that journals and temporary files of one database keep in memory, all together. */
export const SPILL_MEMORY_MAX: number = 16 * 1024 * 1024;

/** The least a growing file takes: a journal of one small transaction fits. */
const CAPACITY_MIN = 16 * 1024;

/** Where temporary files go when memory is used up. */
export interface SpillDisk {
  readonly fileSystem: FileSystem;
  /** Made when it is missing. Files in it are unlinked as soon as they are open. */
  readonly directory: string;
  readonly random: Random;
}

export interface SpillAreaOptions {
  /** Bytes kept in memory. Default `SPILL_MEMORY_MAX`. */
  readonly memoryMax?: number;
  /** Without it, whatever does not fit into memory is refused. */
  readonly disk?: SpillDisk;
}

/**
 * Space for files that never outlive the process: in memory up to a limit they share, then unlinked
 * files in a directory. One area serves all connections of a database.
 */
export class SpillArea {
  readonly #memoryMax: number;
  readonly #disk: SpillDisk | undefined;
  #memorySize = 0;

  constructor(options: SpillAreaOptions = {}) {
    this.#memoryMax = options.memoryMax ?? SPILL_MEMORY_MAX;
    this.#disk = options.disk;
  }

  /** Bytes of memory taken by all files of the area. */
  get memorySize(): number {
    return this.#memorySize;
  }

  create(): SpillContent {
    return new SpillContent(this);
  }

  /**
   * Takes memory for a file that has `held` bytes and wants `wanted`; false when it would be too
   * much.
   */
  takeMemory(held: number, wanted: number): boolean {
    if (this.#memorySize - held + wanted > this.#memoryMax) return false;
    this.#memorySize += wanted - held;
    return true;
  }

  giveMemory(size: number): void {
    this.#memorySize -= size;
  }

  /** @throws GraftError `io` (reason "full") without a directory; whatever the disk says */
  openOnDisk(): UnlinkedFile {
    if (this.#disk === undefined) {
      throw new GraftError(
        "io",
        `temporary files exceed ${this.#memoryMax} bytes and there is no directory for them`,
        { details: { reason: "full" } },
      );
    }
    return openUnlinked(this.#disk);
  }
}

/** The bytes of one file of the area. */
export class SpillContent {
  readonly #area: SpillArea;
  /** Beyond `#size` it may hold old bytes: growing clears them. */
  #memory: Uint8Array = new Uint8Array(0);
  #size = 0;
  #file: UnlinkedFile | undefined;

  constructor(area: SpillArea) {
    this.#area = area;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies from `offset` into `target`; answers how many bytes there were. */
  read(target: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - offset));
    if (count === 0) return 0;
    if (this.#file === undefined) target.set(this.#memory.subarray(offset, offset + count));
    else this.#file.read(target.subarray(0, count), offset);
    return count;
  }

  /** Grows with zeros in between when `offset` is beyond the end. */
  write(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    this.#reserve(end);
    if (this.#file === undefined) {
      if (offset > this.#size) this.#memory.fill(0, this.#size, offset);
      this.#memory.set(bytes, offset);
    } else {
      this.#file.write(bytes, offset);
    }
    this.#size = Math.max(this.#size, end);
  }

  /** Cuts or grows (with zeros) to `size`. */
  truncate(size: number): void {
    this.#reserve(size);
    if (this.#file !== undefined) this.#file.truncate(size);
    else if (size > this.#size) this.#memory.fill(0, this.#size, size);
    this.#size = size;
  }

  /** Gives all memory and the file back. The content is empty afterwards and may be used again. */
  clear(): void {
    this.#area.giveMemory(this.#memory.length);
    this.#memory = new Uint8Array(0);
    this.#size = 0;
    this.#file?.close();
    this.#file = undefined;
  }

  #reserve(size: number): void {
    if (this.#file !== undefined || size <= this.#memory.length) return;
    const capacity = Math.max(CAPACITY_MIN, 2 ** Math.ceil(Math.log2(size)));
    if (this.#area.takeMemory(this.#memory.length, capacity)) {
      const grown = new Uint8Array(capacity);
      grown.set(this.#memory.subarray(0, this.#size));
      this.#memory = grown;
    } else {
      this.#moveToDisk();
    }
  }

  #moveToDisk(): void {
    const file = this.#area.openOnDisk();
    try {
      file.write(this.#memory.subarray(0, this.#size), 0);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
    this.#area.giveMemory(this.#memory.length);
    this.#memory = new Uint8Array(0);
  }
}

/** A file without a name, or without one once it is closed. */
type UnlinkedFile = Pick<File, "read" | "write" | "truncate" | "close">;

function openUnlinked({ fileSystem, directory, random }: SpillDisk): UnlinkedFile {
  fileSystem.makeDirectory(directory);
  const path = `${directory}/${encodeHex(randomBytes(random, 12))}.spill`;
  const file = fileSystem.open(path, "create-new");
  if (isRemoved(fileSystem, path)) return file;
  // A file system that does not let go of open files: removed when it is closed.
  return {
    read: (target, offset) => file.read(target, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (size) => file.truncate(size),
    close(): void {
      file.close();
      fileSystem.remove(path);
    },
  };
}

function isRemoved(fileSystem: FileSystem, path: string): boolean {
  try {
    return fileSystem.remove(path);
  } catch {
    return false;
  }
}
