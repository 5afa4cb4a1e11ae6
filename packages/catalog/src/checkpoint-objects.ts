/**
 * What checkpoints are read from and written to: an object store, as far as it is needed here.
 * Guarantees are the object store's: objects are whole, `create` makes one unless it is there, and
 * what was written is seen by everybody at once.
 */
import type { ByteRange } from "@graft/core";

/** Reading alone. */
export interface ObjectReader {
  /** The object's bytes, or a range of them; undefined when there is none. */
  get(
    key: string,
    options?: {
      readonly range?: ByteRange | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<{ readonly bytes: Uint8Array; readonly size: number } | undefined>;
}

/** Reading and writing. */
export interface CheckpointObjects extends ObjectReader {
  put(
    key: string,
    body: Uint8Array | readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  create(
    key: string,
    body: Uint8Array | readonly Uint8Array[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<"created" | "exists">;
}
