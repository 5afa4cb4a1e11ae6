import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "../assert.ts";
import { BytesError } from "./bytes-error.ts";
import { ByteReader } from "./reader.ts";
import { ByteWriter } from "./writer.ts";

const u64 = (): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const u32 = (): fc.Arbitrary<number> => fc.nat({ max: 0xffff_ffff });

test("what was written is read back, field by field", () => {
  const fields = fc.tuple(fc.nat(255), fc.nat(65_535), u32(), u64(), fc.uint8Array());
  fc.assert(
    fc.property(fields, ([byte, short, int, long, run]) => {
      const writer = new ByteWriter(3).u8(byte).u16le(short).u16be(short).u32le(int).u32be(int);
      writer.u64le(long).u64be(long).varintU32(int).varintU64(long).bytes(run);
      const reader = new ByteReader(writer.finish());
      expect(writer.size).toBe(reader.remaining);
      expect(reader.u8()).toBe(byte);
      expect([reader.u16le(), reader.u16be()]).toEqual([short, short]);
      expect([reader.u32le(), reader.u32be()]).toEqual([int, int]);
      expect([reader.u64le(), reader.u64be()]).toEqual([long, long]);
      expect([reader.varintU32(), reader.varintU64()]).toEqual([int, long]);
      expect([...reader.rest()]).toEqual([...run]);
      reader.expectEnd();
    }),
  );
});

test("byte orders are what they say", () => {
  const writer = new ByteWriter().u16le(0x0102).u16be(0x0102).u32le(0x01020304).u32be(0x01020304);
  expect([...writer.finish()]).toEqual([2, 1, 1, 2, 4, 3, 2, 1, 1, 2, 3, 4]);
});

test.each([
  [0n, [0x00]],
  [127n, [0x7f]],
  [128n, [0x80, 0x01]],
  [300n, [0xac, 0x02]],
  [0xffff_ffffn, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  [0xffff_ffff_ffff_ffffn, [255, 255, 255, 255, 255, 255, 255, 255, 255, 0x01]],
])("the varint of %s", (value, bytes) => {
  expect([...new ByteWriter().varintU64(value).finish()]).toEqual(bytes);
  expect(new ByteReader(Uint8Array.from(bytes)).varintU64()).toBe(value);
});

describe("a reader refuses", () => {
  const read = (bytes: readonly number[], use: (reader: ByteReader) => unknown) => (): unknown =>
    use(new ByteReader(Uint8Array.from(bytes)));

  test.each<[string, readonly number[], (reader: ByteReader) => unknown]>([
    ["a byte from nothing", [], (reader) => reader.u8()],
    ["a u16 from one byte", [1], (reader) => reader.u16be()],
    ["a u32 from three bytes", [1, 2, 3], (reader) => reader.u32le()],
    ["a u64 from seven bytes", [1, 2, 3, 4, 5, 6, 7], (reader) => reader.u64le()],
    ["more bytes than there are", [1, 2], (reader) => reader.bytes(3)],
    ["a negative count", [1, 2], (reader) => reader.bytes(-1)],
    ["a count that is no integer", [1, 2], (reader) => reader.bytes(0.5)],
    ["a varint without an end", [0x80, 0x80], (reader) => reader.varintU32()],
    ["a varint longer than needed", [0x80, 0x00], (reader) => reader.varintU64()],
    ["a varint over 32 bits", [0xff, 0xff, 0xff, 0xff, 0x1f], (reader) => reader.varintU32()],
    ["a varint over 64 bits", [...Array(9).fill(0xff), 0x02], (reader) => reader.varintU64()],
    ["an endless varint", Array(20).fill(0xff), (reader) => reader.varintU64()],
    ["bytes after the end", [1], (reader) => reader.expectEnd()],
  ])("%s", (_, bytes, use) => {
    expect(read(bytes, use)).toThrow(BytesError);
  });

  test("and says where, without moving", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3));
    reader.u16le();
    expect(() => reader.u32le()).toThrow(expect.objectContaining({ offset: 2 }));
    expect(reader.u8()).toBe(3);
  });
});

test("any varint that is read is written back as the same bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 11 }), (bytes) => {
      const reader = new ByteReader(bytes);
      let value: bigint;
      try {
        value = reader.varintU64();
      } catch (error) {
        expect(error).toBeInstanceOf(BytesError);
        return;
      }
      const again = new ByteWriter().varintU64(value).finish();
      expect([...again]).toEqual([...bytes.subarray(0, reader.offset)]);
    }),
  );
});

test("a run of bytes is a view of the source, also when the source is itself a view", () => {
  const source = Uint8Array.of(9, 9, 1, 2, 3).subarray(2);
  const run = new ByteReader(source).bytes(2);
  expect(run.buffer).toBe(source.buffer);
  expect([...run]).toEqual([1, 2]);
});

test.each<[string, (writer: ByteWriter) => unknown]>([
  ["u8 256", (writer) => writer.u8(256)],
  ["u16 −1", (writer) => writer.u16le(-1)],
  ["u32 2^32", (writer) => writer.u32be(2 ** 32)],
  ["u32 1.5", (writer) => writer.u32le(1.5)],
  ["u64 2^64", (writer) => writer.u64le(2n ** 64n)],
  ["varint −1", (writer) => writer.varintU64(-1n)],
])("writing %s is broken code", (_, use) => {
  expect(() => use(new ByteWriter())).toThrow(InvariantError);
});
