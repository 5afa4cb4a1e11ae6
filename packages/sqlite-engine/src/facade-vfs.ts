/**
 * SQLite's view of a `Vfs`: C structures, and functions over pointers that turn them into bytes,
 * numbers and strings, call the `Vfs`, and turn its answer into a result code. Nothing else: no
 * lock, no page, no waiting. What answers `MISS` is left in `takeMiss()` for the miss strategy.
 */
import type { Clock, Random } from "@graft/core";
import { invariant } from "@graft/core";
import type { Heap } from "./heap.ts";
import * as code from "./result-codes.ts";
import { SqliteError } from "./sqlite-error.ts";
import type { Pointer, SqliteExports } from "./sqlite-exports.ts";
import { FILE_STRUCT, OUR_FILE_STRUCT } from "./struct-layout.ts";
import type { Trampoline } from "./trampolines.ts";
import type { FetchRequest, LockLevel, PragmaAnswer, Vfs, VfsFile, VfsFileKind } from "./vfs.ts";
import { MISS } from "./vfs.ts";

/** What has to be awaited before a call that answered `MISS` can be made again. */
export interface Miss {
  /** Equal for misses of the same bytes: a fetch that did not help is noticed by it. */
  readonly key: string;
  /** A commit, once begun, is waited for whatever the caller wishes. */
  readonly isAbortable: boolean;
  wait(request: FetchRequest): Promise<void>;
}

/** The table entries of the facade that may answer `MISS`; the others never do. */
export interface MissingMethods {
  readonly xRead: (file: Pointer, target: Pointer, size: number, offset: bigint) => number;
  readonly xFileControl: (file: Pointer, operation: number, argument: Pointer) => number;
}

const FCNTL_VFSNAME = 12;
const FCNTL_PRAGMA = 14;
const FCNTL_SYNC = 21;
const FCNTL_COMMIT_PHASETWO = 22;

const OPEN_READONLY = 0x1;
const OPEN_CREATE = 0x4;
const OPEN_DELETEONCLOSE = 0x8;
const OPEN_KINDS: readonly (readonly [flag: number, kind: VfsFileKind])[] = [
  [0x00000100, "main"],
  [0x00000200, "temp"],
  [0x00000400, "transient"],
  [0x00000800, "main-journal"],
  [0x00001000, "temp-journal"],
  [0x00002000, "subjournal"],
  [0x00004000, "super-journal"],
  [0x00080000, "wal"],
];

/** The Julian day number of 1970, in ms: SQLite counts time from there. */
const JULIAN_EPOCH_MS = 210_866_760_000_000;
const DAY_MS = 86_400_000;

export interface FacadeVfsOptions {
  readonly exports: SqliteExports;
  readonly heap: Heap;
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly random: Random;
}

/** One per engine instance. */
export class FacadeVfs {
  readonly #exports: SqliteExports;
  readonly #heap: Heap;
  readonly #vfs: Vfs;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #files: (VfsFile | undefined)[] = [];
  #ioMethods: Pointer = 0;
  #unlockCount = 0;
  #miss: Miss | undefined;
  #pragmaAnswer: { readonly name: string; readonly text: string } | undefined;
  #failure: unknown;

  constructor(options: FacadeVfsOptions) {
    this.#exports = options.exports;
    this.#heap = options.heap;
    this.#vfs = options.vfs;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Called once, when the structures exist: files opened from now on carry these methods. */
  setIoMethods(ioMethods: Pointer): void {
    this.#ioMethods = ioMethods;
  }

  /** Closes what SQLite left open: all of it after a trap, nothing after an orderly close. */
  closeAll(): void {
    for (const file of this.#files.splice(0)) file?.close();
  }

  /** How often SQLite has lowered a lock. A COMMIT that missed and changed this has rolled back. */
  get unlockCount(): number {
    return this.#unlockCount;
  }

  /** What the last call that answered `MISS` waits for. Taken once. */
  takeMiss(): Miss {
    const miss = this.#miss;
    invariant(miss !== undefined, "a call answered MISS before its miss is taken");
    this.#miss = undefined;
    return miss;
  }

  /** What the `Vfs` threw since this was last asked, for the `cause` of an error. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /**
   * Keeps the error as the cause of the failure SQLite is about to report, and answers its code.
   */
  fail(error: unknown, otherwise: number = code.SQLITE_IOERR): number {
    this.#failure = error;
    return error instanceof SqliteError ? error.code : otherwise;
  }

  /** May answer `MISS`. */
  readonly missing: MissingMethods = {
    xRead: (file, target, size, offset) => {
      try {
        const opened = this.#file(file);
        const at = Number(offset);
        const answer = opened.read(this.#heap.bytes.subarray(target, target + size), at);
        if (answer === MISS) {
          this.#miss = {
            key: `${this.#heap.readWord(file + OUR_FILE_STRUCT.fileNumber)}:${at}`,
            isAbortable: true,
            wait: (request) => opened.fetch(at, size, request),
          };
        }
        return answer;
      } catch (error) {
        return this.fail(error, code.SQLITE_IOERR_READ);
      }
    },
    xFileControl: (file, operation, argument) => {
      try {
        switch (operation) {
          case FCNTL_SYNC:
            return this.#commitPoint(this.#file(file));
          case FCNTL_COMMIT_PHASETWO:
            return this.#file(file).commitPhaseTwo();
          case FCNTL_PRAGMA:
            return this.#pragma(this.#file(file), argument);
          case FCNTL_VFSNAME:
            this.#heap.writeWord(argument, this.#createText(this.#vfs.name));
            return code.SQLITE_OK;
          default:
            return code.SQLITE_NOTFOUND;
        }
      } catch (error) {
        return this.fail(error);
      }
    },
  };

  /** `sqlite3_io_methods`, without the two that may miss. */
  readonly ioMethods: Readonly<Record<string, Trampoline>> = {
    xClose: this.#method("i", code.SQLITE_IOERR, (file: Pointer) => {
      const number = this.#heap.readWord(file + OUR_FILE_STRUCT.fileNumber);
      const opened = this.#file(file);
      this.#files[number] = undefined;
      this.#heap.writeWord(file + FILE_STRUCT.pMethods, 0);
      opened.close();
      return code.SQLITE_OK;
    }),
    xWrite: this.#method(
      "iiij",
      code.SQLITE_IOERR_WRITE,
      (file: Pointer, source: Pointer, size: number, offset: bigint) =>
        this.#file(file).write(this.#heap.bytes.subarray(source, source + size), Number(offset)),
    ),
    xTruncate: this.#method("ij", code.SQLITE_IOERR_TRUNCATE, (file: Pointer, size: bigint) =>
      this.#file(file).truncate(Number(size)),
    ),
    xSync: this.#method("ii", code.SQLITE_IOERR_FSYNC, (file: Pointer) => this.#file(file).sync()),
    xFileSize: this.#method("ii", code.SQLITE_IOERR, (file: Pointer, target: Pointer) => {
      this.#heap.writeInteger(target, this.#file(file).size());
      return code.SQLITE_OK;
    }),
    xLock: this.#method("ii", code.SQLITE_IOERR, (file: Pointer, level: LockLevel) =>
      this.#file(file).lock(level),
    ),
    xUnlock: this.#method("ii", code.SQLITE_IOERR, (file: Pointer, level: LockLevel) => {
      this.#unlockCount++;
      return this.#file(file).unlock(level);
    }),
    xCheckReservedLock: this.#method("ii", code.SQLITE_IOERR, (file: Pointer, target: Pointer) => {
      this.#heap.writeWord(target, this.#file(file).isReserved() ? 1 : 0);
      return code.SQLITE_OK;
    }),
    xSectorSize: this.#method("i", 0, (file: Pointer) => this.#file(file).sectorSize),
    xDeviceCharacteristics: this.#method(
      "i",
      0,
      (file: Pointer) => this.#file(file).deviceCharacteristics,
    ),
  };

  /** `sqlite3_vfs`. The first parameter of each is the structure itself. */
  readonly vfsMethods: Readonly<Record<string, Trampoline>> = {
    xOpen: this.#method("iiiii", code.SQLITE_CANTOPEN, this.#open.bind(this)),
    xDelete: this.#method("iii", code.SQLITE_IOERR_DELETE, (_vfs: Pointer, name: Pointer) => {
      this.#vfs.delete(this.#heap.mustDecodeCString(name));
      return code.SQLITE_OK;
    }),
    xAccess: this.#method(
      "iiii",
      code.SQLITE_IOERR_ACCESS,
      (_vfs: Pointer, name: Pointer, _flags: number, target: Pointer) => {
        const exists = this.#vfs.exists(this.#heap.mustDecodeCString(name));
        this.#heap.writeWord(target, exists ? 1 : 0);
        return code.SQLITE_OK;
      },
    ),
    xFullPathname: this.#method(
      "iiii",
      code.SQLITE_CANTOPEN,
      (_vfs: Pointer, name: Pointer, capacity: number, target: Pointer) => {
        // Names are names, not paths: they are already full. Copied with the terminating NUL.
        const size = this.#heap.bytes.indexOf(0, name) - name + 1;
        if (size > capacity) return code.SQLITE_CANTOPEN;
        this.#heap.bytes.copyWithin(target, name, name + size);
        return code.SQLITE_OK;
      },
    ),
    xRandomness: this.#method("iii", 0, (_vfs: Pointer, size: number, target: Pointer) => {
      this.#random.fill(this.#heap.bytes.subarray(target, target + size));
      return size;
    }),
    // Whoever sleeps here stops the whole event loop: busy timeouts end at once instead.
    xSleep: this.#method("ii", 0, (_vfs: Pointer, microseconds: number) => microseconds),
    xCurrentTime: this.#method("ii", code.SQLITE_ERROR, (_vfs: Pointer, target: Pointer) => {
      const julianMs = JULIAN_EPOCH_MS + Math.trunc(this.#clock.nowMs());
      this.#heap.writeDouble(target, julianMs / DAY_MS);
      return code.SQLITE_OK;
    }),
    xCurrentTimeInt64: this.#method("ii", code.SQLITE_ERROR, (_vfs: Pointer, target: Pointer) => {
      this.#heap.writeInteger(target, JULIAN_EPOCH_MS + Math.trunc(this.#clock.nowMs()));
      return code.SQLITE_OK;
    }),
    xGetLastError: this.#method("iii", 0, () => 0),
  };

  #open(_vfs: Pointer, name: Pointer, file: Pointer, flags: number, flagsOut: Pointer): number {
    // SQLite calls xClose only for a file that carries methods.
    this.#heap.writeWord(file + FILE_STRUCT.pMethods, 0);
    const kind = OPEN_KINDS.find(([flag]) => (flags & flag) !== 0)?.[1];
    invariant(kind !== undefined, `an open names its kind of file, got flags ${flags}`);
    const opened = this.#vfs.open({
      name: this.#heap.decodeCString(name),
      kind,
      readOnly: (flags & OPEN_READONLY) !== 0,
      create: (flags & OPEN_CREATE) !== 0,
      deleteOnClose: (flags & OPEN_DELETEONCLOSE) !== 0,
    });
    const free = this.#files.indexOf(undefined);
    const number = free === -1 ? this.#files.length : free;
    this.#files[number] = opened;
    this.#heap.writeWord(file + OUR_FILE_STRUCT.fileNumber, number);
    this.#heap.writeWord(file + FILE_STRUCT.pMethods, this.#ioMethods);
    if (flagsOut !== 0) this.#heap.writeWord(flagsOut, flags);
    return code.SQLITE_OK;
  }

  #commitPoint(file: VfsFile): number {
    const answer = file.commitPoint();
    if (answer === MISS) {
      this.#miss = { key: "commit", isAbortable: false, wait: () => file.commit() };
    }
    return answer;
  }

  /** `argument`: an array of C strings: [0] the answer, [1] the name, [2] the value or NULL. */
  #pragma(file: VfsFile, argument: Pointer): number {
    const name = this.#heap.mustDecodeCString(this.#heap.readWord(argument + 4));
    const value = this.#heap.decodeCString(this.#heap.readWord(argument + 8));
    const answer = this.#awaitedPragma(name) ?? file.pragma(name, value);
    switch (answer.kind) {
      case "unknown":
        return code.SQLITE_NOTFOUND;
      case "value":
        this.#heap.writeWord(argument, this.#createText(answer.text));
        return code.SQLITE_OK;
      case "error":
        this.#heap.writeWord(argument, this.#createText(answer.message));
        return answer.code;
      case "async":
        this.#miss = {
          key: `pragma ${name}`,
          isAbortable: true,
          wait: async ({ signal }) => {
            const text = await answer.run(signal);
            // Whoever gave up does not call again; the next pragma must not find this answer.
            if (!signal.aborted) this.#pragmaAnswer = { name, text };
          },
        };
        return MISS;
    }
  }

  /** The text that an asynchronous pragma came back with; used up by the call that follows. */
  #awaitedPragma(name: string): PragmaAnswer | undefined {
    const answer = this.#pragmaAnswer;
    this.#pragmaAnswer = undefined;
    return answer?.name === name ? { kind: "value", text: answer.text } : undefined;
  }

  /** SQLite frees it; NULL (no answer, no message) when there is no memory. */
  #createText(text: string): Pointer {
    return this.#heap.createText(this.#exports, text)?.pointer ?? 0;
  }

  #file(file: Pointer): VfsFile {
    const opened = this.#files[this.#heap.readWord(file + OUR_FILE_STRUCT.fileNumber)];
    invariant(opened !== undefined, "SQLite uses an open file");
    return opened;
  }

  /**
   * Nothing may be thrown through SQLite's stack: an error becomes `otherwise`, or its own code.
   */
  #method<Parameters extends (number | bigint)[]>(
    signature: string,
    otherwise: number,
    body: (...parameters: Parameters) => number,
  ): Trampoline {
    const guarded = (...parameters: Parameters): number => {
      try {
        return body(...parameters);
      } catch (error) {
        return this.fail(error, otherwise);
      }
    };
    return { signature, body: guarded as unknown as Trampoline["body"] };
  }
}
