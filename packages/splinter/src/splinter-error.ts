/**
 * Why some bytes are not an encoded set.
 *
 * - `length`: fewer bytes than header and footer take.
 * - `magic`: the header is not `da ae 12 df`.
 * - `padding`: the last two bytes of the footer are not zero.
 * - `partitions`: the footer claims more children of the root than there are keys.
 * - `truncated`: a map or block claims more bytes than there are before it.
 * - `order`: keys or members that do not strictly ascend.
 * - `bitmap`: a bitmap with another number of bits than its count says.
 * - `offset`: a child that does not end where the next one starts.
 * - `unclaimed`: bytes between header and root that belong to nothing.
 */
export type SplinterCondition =
  | "length"
  | "magic"
  | "padding"
  | "partitions"
  | "truncated"
  | "order"
  | "bitmap"
  | "offset"
  | "unclaimed";

/**
 * Bytes that are not a canonical encoded set. The same bytes fail the same way for ever: get the
 * set again from where it came. Nothing of the set was taken over.
 */
export class SplinterError extends Error {
  override readonly name = "SplinterError";

  /** The first condition that failed. */
  readonly condition: SplinterCondition;

  /** Where it failed, in bytes from the start of the input. */
  readonly offsetBytes: number;

  constructor(condition: SplinterCondition, offsetBytes: number, message: string) {
    super(`splinter, byte ${offsetBytes}: ${message}`);
    this.condition = condition;
    this.offsetBytes = offsetBytes;
  }
}
