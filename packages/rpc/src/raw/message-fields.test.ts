import { create, toBinary } from "@bufbuild/protobuf";
import { CommitRequestSchema } from "@graft/proto-gen/metastore";
import { ReadPagesRequestSchema, WritePagesRequestSchema } from "@graft/proto-gen/pagestore";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasMoreFields } from "./message-fields.ts";

const pages = (count: number): Uint8Array =>
  toBinary(
    WritePagesRequestSchema,
    create(WritePagesRequestSchema, {
      vid: new Uint8Array(16),
      pages: Array.from({ length: count }, (_, at) => ({
        pageidx: at + 1,
        data: new Uint8Array(9),
      })),
    }),
  );

describe("the fields of a message", () => {
  test("are counted with those of the messages in it", () => {
    // The volume id; each page, its index and its data.
    expect(hasMoreFields(WritePagesRequestSchema, pages(100), 301)).toBe(false);
    expect(hasMoreFields(WritePagesRequestSchema, pages(100), 300)).toBe(true);
  });

  test("are too many when a part is repeated without end", () => {
    const parts = new Uint8Array(4 * 1024 * 1024).fill(0x0a);
    for (const schema of [CommitRequestSchema, ReadPagesRequestSchema, WritePagesRequestSchema]) {
      expect(hasMoreFields(schema, parts, 100_000)).toBe(true);
    }
  });

  test("are too many when what is no list is repeated some hundred times", () => {
    // The volume id, empty.
    const ids = (count: number): Uint8Array => Buffer.alloc(2 * count, Uint8Array.of(0x0a, 0));
    expect(hasMoreFields(CommitRequestSchema, ids(256), 100_000)).toBe(false);
    expect(hasMoreFields(CommitRequestSchema, ids(257), 100_000)).toBe(true);
    // An index in a page, each page anew.
    expect(hasMoreFields(WritePagesRequestSchema, pages(1000), 100_000)).toBe(false);
  });

  test("are none of its business when the message is cut or malformed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(hasMoreFields(CommitRequestSchema, bytes, 300)).toBe(false);
      }),
    );
    const whole = pages(3);
    for (let size = 0; size < whole.length; size++) {
      expect(hasMoreFields(WritePagesRequestSchema, whole.subarray(0, size), 10)).toBe(false);
    }
  });
});
