/**
 * SQLite compares the schema cookie in page 1 to tell whether the schema that it has parsed is
 * still that of the file. The cookie counts changes: after a reset or a rebase another history may
 * have counted as far, with another schema. So every history that a connection has not followed
 * step by step is shown to it with an offset of its own on the cookie, which is taken off again
 * before page 1 is stored.
 */
import type { VolumeReader } from "@graft/client";

/** Changes of the schema between two histories, at most. */
const STEP = 1 << 20;
/** The cookie stays a positive 32-bit number. */
const OFFSET_MAX: number = 1 << 30;

/** Of one connection. */
export class SchemaLineage {
  /** What SQLite was shown last, or wrote last. */
  #version = 0;
  #baseVersion = 0;
  #offset = 0;

  /** What is on the cookie that SQLite sees now. */
  get offset(): number {
    return this.#offset;
  }

  /** SQLite is shown page 1 of a snapshot. */
  show({ version, baseVersion }: Pick<VolumeReader, "version" | "baseVersion">): void {
    if (version === this.#version) return;
    // Local commits were shown, and it does not say whether they are below this one.
    const hasLeft = this.#version > this.#baseVersion && baseVersion > this.#version;
    if (hasLeft) this.#offset = (this.#offset + STEP) % OFFSET_MAX;
    this.#version = version;
    this.#baseVersion = baseVersion;
  }

  /** SQLite committed on what it was shown last. */
  noteCommitted(version: number): void {
    this.#version = version;
  }
}
