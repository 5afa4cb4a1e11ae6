/**
 * Byte layout of a Splinter v1, the wire form of a set of u32. All integers are little-endian.
 *
 * A value is split big-endian into four bytes a.b.c.d. The set is a map over a, of maps over b, of
 * maps over c, of blocks of d. Everything is written depth first, the values of a map before its
 * index, so that it is parsed from its end towards its start.
 *
 * | part     | size                              | content                                      |
 * |----------|-----------------------------------|----------------------------------------------|
 * | header   | 4                                 | `da ae 12 df`                                |
 * | root     | what its children and index take  | MAP over a, absent when the set is empty     |
 * | footer   | 4                                 | u16 number of children of the root, `00 00`  |
 *
 * | MAP      | size                              | content                                      |
 * |----------|-----------------------------------|----------------------------------------------|
 * | values   | the sum of the children           | the children, ascending by key, back to back |
 * | keys     | BLOCK(n)                          | the n keys of the children                   |
 * | counts   | n                                 | u8 per child: its own number of children − 1 |
 * | offsets  | n × 4, or n × 2 in a map over c   | end of the values − end of the child         |
 *
 * | BLOCK(n) | size                              | content                                      |
 * |----------|-----------------------------------|----------------------------------------------|
 * | n < 32   | n                                 | the members, ascending                       |
 * | n < 256  | 32                                | bitmap: member i is bit i & 7 of byte i >> 3 |
 * | n = 256  | 0                                 | nothing: every member is there               |
 *
 * The offset of the last child is 0, and the children tile the values without gap or overlap. No
 * map and no block is empty. Equal sets have equal bytes.
 */

/** The first bytes of every encoded set. */
export const MAGIC: readonly number[] = [0xda, 0xae, 0x12, 0xdf];

/** Bytes of the header: the magic alone. */
export const HEADER_SIZE = 4;

/** Bytes of the footer: u16 number of children of the root, then two zero bytes. */
export const FOOTER_SIZE = 4;

/** Members of a full block, and children of a full map: one byte of the value addresses them. */
export const FAN_OUT = 256;

/** A block with at least this many members is a bitmap, since a list would be no smaller. */
export const BITMAP_COUNT_MIN = 32;

/** Bytes of a block in bitmap form: one bit for each of 256 members. */
export const BITMAP_SIZE = 32;

/** Bytes of an offset in a map over a or b. */
export const BRANCH_OFFSET_SIZE = 4;

/** Bytes of an offset in a map over c, whose values are at most 255 × 32 bytes. */
export const LEAF_OFFSET_SIZE = 2;

/** Bytes of a block with `count` members (1…256). */
export function blockSize(count: number): number {
  return count === FAN_OUT ? 0 : Math.min(count, BITMAP_SIZE);
}

/** Bytes of the index of a map with `count` children (1…256): keys, counts and offsets. */
export function indexSize(count: number, offsetSize: number): number {
  return blockSize(count) + count + count * offsetSize;
}
