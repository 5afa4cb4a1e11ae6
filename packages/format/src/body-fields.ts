/** From the fields of a protobuf body to domain values: each is checked once, here. */
import {
  type ClientId,
  type CommitId,
  decodePageSet,
  GraftError,
  type Lsn,
  type PageCount,
  type PageIndex,
  type PageSet,
  type PageSize,
  type SegmentId,
  toClientId,
  toCommitId,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
  toSegmentId,
  toVolumeId,
  type VolumeId,
} from "@graft/core";
import { corrupt } from "./corrupt.ts";

/** The last ms since 1970 that a `Date` can hold. */
export const TIMESTAMP_MS_MAX = 8_640_000_000_000_000;

/**
 * Reads the fields of one object. Every method throws `corrupt`, naming the object and the field.
 */
export class BodyFields {
  readonly objectName: string;

  constructor(objectName: string) {
    this.objectName = objectName;
  }

  volumeId(bytes: Uint8Array): VolumeId {
    return this.#read(() => toVolumeId(bytes));
  }

  clientId(bytes: Uint8Array): ClientId {
    return this.#read(() => toClientId(bytes));
  }

  segmentId(bytes: Uint8Array): SegmentId {
    return this.#read(() => toSegmentId(bytes));
  }

  commitId(bytes: Uint8Array): CommitId {
    return this.#read(() => toCommitId(bytes));
  }

  lsn(value: bigint): Lsn {
    return this.#read(() => toLsn(value));
  }

  pageSize(value: number): PageSize {
    return this.#read(() => toPageSize(value));
  }

  pageCount(value: number): PageCount {
    return this.#read(() => toPageCount(value));
  }

  pageIndex(value: number): PageIndex {
    return this.#read(() => toPageIndex(value));
  }

  /**
   * A set with at least one member. No field of ours holds an empty set: it is left out instead.
   */
  pageSet(bytes: Uint8Array, field: string): PageSet {
    const set = this.#read(() => decodePageSet(bytes, "corrupt"));
    if (set.isEmpty) throw corrupt(this.objectName, `${field} is empty`);
    return set;
  }

  /** `size` bytes, as a copy: the body is not kept alive for them. */
  hash(bytes: Uint8Array, size: number, field: string): Uint8Array {
    if (bytes.length !== size) {
      throw corrupt(this.objectName, `${field}: expected ${size} bytes, got ${bytes.length}`);
    }
    return bytes.slice();
  }

  timestampMs(value: bigint, field: string): number {
    return this.#upTo(value, TIMESTAMP_MS_MAX, field);
  }

  /** An offset or a size, 0 … max. */
  bytesCount(value: bigint, max: number, field: string): number {
    return this.#upTo(value, max, field);
  }

  #upTo(value: bigint, max: number, field: string): number {
    if (value > BigInt(max)) {
      throw corrupt(this.objectName, `${field}: expected at most ${max}, got ${value}`);
    }
    return Number(value);
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof GraftError)) throw cause;
      throw corrupt(this.objectName, cause.message, { cause });
    }
  }
}
