import type { VolumeReader } from "@graft/client";
import { toPageIndex } from "@graft/core";
import { equalsUnderMask, maskPageOne, shiftSchemaCookie, unmaskPageOne } from "../page-one.ts";
import { SchemaLineage } from "./schema-lineage.ts";

const PAGE_ONE = toPageIndex(1);

/**
 * Page 1 of one version of a volume. SQLite looks into it at the start of every transaction, and it
 * has two forms: as stored, and as seen.
 */
export class PageOneCache {
  /** As it is in the volume: masked by our writers, not always by those of v0.1. */
  readonly #stored: Uint8Array;
  readonly #seen: Uint8Array;
  #version: number | undefined;
  /** The counter in `#seen`; undefined when that form is stale. */
  #counter: number | undefined;
  /** Whose offset is on the schema cookie of all that SQLite sees and writes. */
  readonly #lineage = new SchemaLineage();

  constructor(pageSize: number) {
    this.#stored = new Uint8Array(pageSize);
    this.#seen = new Uint8Array(pageSize);
  }

  /**
   * The stored form at the reader's version, valid until the next call; undefined: fetch it first.
   */
  load(reader: VolumeReader): Uint8Array | undefined {
    if (this.#version === reader.version) return this.#stored;
    this.#version = undefined;
    this.#counter = undefined;
    if (!reader.read(PAGE_ONE, this.#stored)) return undefined;
    this.#version = reader.version;
    return this.#stored;
  }

  /** The seen form of what was loaded last, valid until the next call. */
  seen(counter: number, reader: VolumeReader): Uint8Array {
    this.#lineage.show(reader);
    if (this.#counter !== counter) {
      this.#seen.set(this.#stored);
      unmaskPageOne(this.#seen, counter);
      shiftSchemaCookie(this.#seen, this.#lineage.offset);
      this.#counter = counter;
    }
    return this.#seen;
  }

  /** Whether a page 1 that SQLite wrote stores something else than what was loaded last. */
  differs(written: Uint8Array): boolean {
    const isShifted = this.#lineage.offset !== 0;
    return !equalsUnderMask(isShifted ? this.toStored(written) : written, this.#stored);
  }

  /** The stored form of what SQLite wrote. A copy. */
  toStored(written: Uint8Array): Uint8Array {
    const stored = written.slice();
    maskPageOne(stored);
    shiftSchemaCookie(stored, -this.#lineage.offset);
    return stored;
  }

  /** SQLite committed: what it knows of the schema is that of this version. */
  noteCommitted(version: number): void {
    this.#lineage.noteCommitted(version);
  }

  /** A commit made this the stored form at `version`. */
  put(version: number, stored: Uint8Array): void {
    if (stored !== this.#stored) this.#stored.set(stored);
    this.#version = version;
    this.#counter = undefined;
  }
}
