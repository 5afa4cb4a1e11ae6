import { create, toBinary } from "@bufbuild/protobuf";
import { PAGE_INDEX_LAST, type Page, toPageIndex } from "@graft/core";
import { ReadPagesResponseSchema } from "@graft/proto-gen/pagestore";
import { fromPage } from "@graft/rpc";
import fc from "fast-check";
import { expect, it } from "vitest";
import { AnswerBuffers } from "./answer-buffers.ts";
import { encodePageList } from "./page-list-encoding.ts";

const buffers = new AnswerBuffers();

function generally(pages: readonly Page[]): Uint8Array {
  const message = create(ReadPagesResponseSchema, { pages: pages.map(fromPage) });
  return toBinary(ReadPagesResponseSchema, message);
}

it("writes the bytes a general encoder writes", () => {
  const page = fc.record({
    index: fc.integer({ min: 1, max: PAGE_INDEX_LAST }).map(toPageIndex),
    data: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(page, { maxLength: 20 }), (pages) => {
      expect(new Uint8Array(encodePageList(pages, buffers).bytes)).toEqual(generally(pages));
    }),
  );
});

it.each([1, 127, 128, 16_383, 16_384, 2 ** 28, PAGE_INDEX_LAST])(
  "writes page index %i",
  (value) => {
    const index = toPageIndex(value);
    for (const size of [512, 4096, 65_536]) {
      const pages = [{ index, data: new Uint8Array(size).fill(7) }];
      expect(new Uint8Array(encodePageList(pages, buffers).bytes)).toEqual(generally(pages));
    }
  },
);
