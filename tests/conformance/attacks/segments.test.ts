/** Segments whose footers lie: no commit may name them, and no read may serve them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  concatBytes,
  createSegmentId,
  encodePageSet,
  gidBytes,
  pageSetOf,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { buildSegment, readSegmentTail, readWholeSegment, segmentKey } from "@graft/format";
import { createTestMetastore, type TestMetastore } from "@graft/metastore/testing";
import { SegmentFooterBodySchema } from "@graft/proto-gen/storage";
import { createMetastoreClient } from "@graft/rpc";
import { beforeEach, describe, expect, test } from "vitest";
import { bodyOf, forge, forgeSegment, pages, RECORD_CODES } from "./forge.ts";

type Footer = MessageInitShape<typeof SegmentFooterBodySchema> & {
  frames: { firstPage: number; lastPage: number; offset: bigint; size: number; hash: Uint8Array }[];
};

const PAGE_SIZE = toPageSize(4096);
const NAMED = pageSetOf([1, 2, 3, 70, 71, 500].map(toPageIndex));

let on: TestMetastore;
let honest: { readonly bytes: Uint8Array; readonly frames: Uint8Array; readonly footer: Footer };

beforeEach(async () => {
  on = createTestMetastore();
  const random = new SeededRandom(1);
  const segmentId = createSegmentId({ random, clock: new SimulatedClock() });
  const content = [...NAMED].map((index) => {
    const data = new Uint8Array(PAGE_SIZE);
    random.fill(data);
    return { index: toPageIndex(index), data };
  });
  const options = { volumeId: on.volumeId, segmentId, pageSize: PAGE_SIZE };
  const { bytes, footer } = await buildSegment(content, options, compute);
  const end = footer.frames.reduce((sum, frame) => sum + frame.size, 8);
  const body = bodyOf(SegmentFooterBodySchema, bytes.subarray(end, bytes.length - 8));
  honest = { bytes, frames: bytes.slice(8, end), footer: body as unknown as Footer };
});

/** Stores it under the id it claims, and commits all that it claims to hold. */
async function commitOf(bytes: Uint8Array, footer: Footer): Promise<string> {
  const sid = footer.sid ?? new Uint8Array(16);
  const segmentId = createSegmentId({ random: new SeededRandom(1), clock: new SimulatedClock() });
  await on.store.put(segmentKey(on.volumeId, segmentId), bytes);
  const request = {
    vid: gidBytes(on.volumeId),
    cid: gidBytes(on.clientId),
    pageCount: 500,
    commitId: new Uint8Array(16).fill(1),
    segments: [{ sid, graft: encodePageSet(NAMED), size: BigInt(bytes.length) }],
  };
  return await createMetastoreClient(on.transport)
    .commit(request)
    .then(
      () => "committed",
      (error: { code: string }) => error.code,
    );
}

const first = (footer: Footer): Footer["frames"][0] => {
  const [frame] = footer.frames;
  if (frame === undefined) throw new Error("the honest segment has a frame");
  return frame;
};

const LIES: readonly (readonly [string, (footer: Footer) => void])[] = [
  [
    "frames that overlap",
    (footer) => void footer.frames.push({ ...first(footer), firstPage: 501, lastPage: 501 }),
  ],
  [
    "a gap before its first frame",
    (footer) => {
      first(footer).offset = 9n;
    },
  ],
  [
    "a gap behind its last frame",
    (footer) => {
      first(footer).size -= 1;
    },
  ],
  [
    "a frame beyond its end",
    (footer) => {
      first(footer).size += 100_000;
    },
  ],
  [
    "an offset of 2^64 − 1",
    (footer) => {
      first(footer).offset = 2n ** 64n - 1n;
    },
  ],
  [
    "a size of 2^32 − 1",
    (footer) => {
      first(footer).size = 0xffff_ffff;
    },
  ],
  [
    "a size of 0",
    (footer) => {
      first(footer).size = 0;
    },
  ],
  [
    "no frame",
    (footer) => {
      footer.frames = [];
    },
  ],
  ["a frame twice", (footer) => void footer.frames.push({ ...first(footer) })],
  [
    "a frame that ends before it begins",
    (footer) => {
      first(footer).lastPage = 0;
    },
  ],
  [
    "a frame of fewer pages than it names",
    (footer) => {
      first(footer).lastPage = 70;
    },
  ],
  [
    "a page set with a page in no frame",
    (footer) => {
      footer.pageSet = pages([1, 3], [70, 71], 500, 600);
    },
  ],
  [
    "a page set of a billion pages",
    (footer) => {
      footer.pageSet = pages([1, 60_000_000]);
    },
  ],
  [
    "an empty page set",
    (footer) => {
      footer.pageSet = pages();
    },
  ],
  [
    "page 0",
    (footer) => {
      footer.pageSet = pages([0, 3], [70, 71], 500);
    },
  ],
  [
    "a page size of 131072",
    (footer) => {
      footer.pageSize = 131_072;
    },
  ],
  [
    "another page size",
    (footer) => {
      footer.pageSize = 8192;
    },
  ],
  [
    "another volume",
    (footer) => {
      footer.vid = gidBytes(createTestMetastore({ random: new SeededRandom(9) }).volumeId);
    },
  ],
  [
    "another id",
    (footer) => {
      footer.sid = gidBytes(
        createSegmentId({ random: new SeededRandom(8), clock: new SimulatedClock() }),
      );
    },
  ],
  [
    "70,000 frames of nothing",
    (footer) => {
      const nothing = { firstPage: 0, lastPage: 0, offset: 0n, size: 0, hash: new Uint8Array(0) };
      const frame = { ...first(footer), ...nothing };
      footer.frames = Array.from({ length: 70_000 }, () => frame);
    },
  ],
];

describe("a segment", () => {
  test("that tells the truth is committed", async () => {
    const footer = forge(RECORD_CODES.footer, SegmentFooterBodySchema, honest.footer);
    expect(await commitOf(forgeSegment(honest.frames, footer), honest.footer)).toBe("committed");
  });

  test.each(LIES)("with %s in its footer is refused, and nothing is committed", async (_, lie) => {
    const claimed = honest.footer.sid;
    lie(honest.footer);
    const record = forge(RECORD_CODES.footer, SegmentFooterBodySchema, honest.footer);
    const bytes = forgeSegment(honest.frames, record);
    const code = await commitOf(bytes, { ...honest.footer, ...(claimed && { sid: claimed }) });
    expect(["corrupt", "invalid-argument"]).toContain(code);
    const snapshot = createMetastoreClient(on.transport).getSnapshot({
      vid: gidBytes(on.volumeId),
    });
    await expect(snapshot).rejects.toMatchObject({ code: "not-found" });
  });

  test.each([
    ["0 bytes", 0],
    ["more than the object", 1_000_000_000],
    ["2^32 − 1 bytes", 0xffff_ffff],
    ["one byte less", -1],
    ["one byte more", 1],
  ])("whose trailer says that its footer takes %s is corrupt", async (_, said) => {
    const footer = forge(RECORD_CODES.footer, SegmentFooterBodySchema, honest.footer);
    const size = Math.abs(said) === 1 ? footer.length + said : said;
    const bytes = forgeSegment(honest.frames, footer, size);
    expect(() => readSegmentTail(bytes, { objectName: "x", size: bytes.length }, compute)).toThrow(
      expect.objectContaining({ code: "corrupt" }),
    );
    expect(await commitOf(bytes, honest.footer)).toBe("corrupt");
  });

  test("whose frames are of another content is never served", async () => {
    const frames = honest.frames.map((byte, at) => (at === 5000 ? byte ^ 1 : byte));
    const footer = forge(RECORD_CODES.footer, SegmentFooterBodySchema, honest.footer);
    const bytes = forgeSegment(frames, footer);
    await expect(readWholeSegment(bytes, "x", compute)).rejects.toMatchObject({ code: "corrupt" });
    await expect(readWholeSegment(concatBytes([bytes, bytes]), "x", compute)).rejects.toMatchObject(
      { code: "corrupt" },
    );
  });
});
