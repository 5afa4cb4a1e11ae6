import {
  type PragmaAnswer,
  SQLITE_IOERR_SHORT_READ,
  SQLITE_OK,
  type VfsFile,
} from "@graft/sqlite-engine";
import { toSqliteError } from "../sqlite-error.ts";
import type { SpillContent } from "./spill-area.ts";

/**
 * A journal, statement journal or temporary file. It belongs to one connection and never outlives
 * it, so it has no locks and nothing to sync, and no journal is ever hot.
 */
export class SpillFile implements VfsFile {
  readonly sectorSize = 512;
  readonly deviceCharacteristics = 0;
  readonly #content: SpillContent;
  readonly #onClose: () => void;

  /** @param onClose called once, when SQLite closes the file */
  constructor(content: SpillContent, onClose: () => void) {
    this.#content = content;
    this.#onClose = onClose;
  }

  read(target: Uint8Array, offset: number): number {
    try {
      const count = this.#content.read(target, offset);
      if (count === target.length) return SQLITE_OK;
      target.fill(0, count);
      return SQLITE_IOERR_SHORT_READ;
    } catch (error) {
      throw toSqliteError(error, "read");
    }
  }

  write(bytes: Uint8Array, offset: number): number {
    try {
      this.#content.write(bytes, offset);
      return SQLITE_OK;
    } catch (error) {
      throw toSqliteError(error, "write");
    }
  }

  truncate(size: number): number {
    try {
      this.#content.truncate(size);
      return SQLITE_OK;
    } catch (error) {
      throw toSqliteError(error, "truncate");
    }
  }

  size(): number {
    return this.#content.size;
  }

  close(): void {
    this.#onClose();
  }

  sync(): number {
    return SQLITE_OK;
  }

  lock(): number {
    return SQLITE_OK;
  }

  unlock(): number {
    return SQLITE_OK;
  }

  isReserved(): boolean {
    return false;
  }

  commitPoint(): number {
    return SQLITE_OK;
  }

  commitPhaseTwo(): number {
    return SQLITE_OK;
  }

  pragma(): PragmaAnswer {
    return { kind: "unknown" };
  }

  // Nothing of it is ever elsewhere: `read` and `commitPoint` never answer MISS.
  async fetch(): Promise<void> {}
  async commit(): Promise<void> {}
}
