/** Few bytes that want to be many: memory is bounded by what was expected, not by what they say. */
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { concatBytes, gidBytes, REQUEST_BODY_SIZE_MAX } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { CommitRequestSchema } from "@graft/proto-gen/metastore";
import { StreamPagesRequestSchema } from "@graft/proto-gen/pagestore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelope, RpcCaller } from "../fuzz/rpc-caller.ts";
import { type RpcSession, recordSession } from "../fuzz/rpc-session.ts";
import { pages } from "./forge.ts";

const MIB = 1024 * 1024;
/** What a bomb may take of memory, besides what the machine was doing anyway. */
const GROWTH_MAX: number = 96 * MIB;
const EXPECTED_SIZE = 64 * 1024;

/** The process's highest memory may not grow by more than the bound while it runs. */
async function withinMemory<T>(run: () => Promise<T>, growthMax = GROWTH_MAX): Promise<T> {
  const before = process.resourceUsage().maxRSS * 1024;
  const result = await run();
  expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(growthMax);
  return result;
}

/** 1 GiB of zeros in some 100 KB: a block of 128 KiB said 8,192 times in three bytes and a zero. */
function endlessFrame(header: readonly number[]): Uint8Array {
  const block = [(1 << 1) | ((128 * 1024) << 3)];
  const size = block[0] ?? 0;
  const one = Uint8Array.of(size & 0xff, (size >>> 8) & 0xff, (size >>> 16) & 0xff, 0);
  const last = Uint8Array.of((size | 1) & 0xff, (size >>> 8) & 0xff, (size >>> 16) & 0xff, 0);
  const blocks = Array.from({ length: 8191 }, () => one);
  return concatBytes([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...header), ...blocks, last]);
}

const good = new Uint8Array(zstdCompressSync(new Uint8Array(EXPECTED_SIZE)));
const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4);
const BOMBS: readonly (readonly [string, Uint8Array])[] = [
  // Descriptor 0: a window byte follows, no content size. 0x50: 1 MiB.
  ["says nothing and is 1 GiB", endlessFrame([0x00, 0x50])],
  // 0x80: four bytes of content size, a window of 1 MiB.
  ["says 64 KiB and is 1 GiB", endlessFrame([0x80, 0x50, 0, 0, 1, 0])],
  ["says 2^64 − 1", endlessFrame([0xc0, 0x50, ...new Array<number>(8).fill(0xff)])],
  // 0xa8: 2 GiB; 0xf8: 3.75 TiB, the greatest that can be said.
  ["wants a window of 2 GiB", endlessFrame([0x00, 0xa8])],
  ["wants a window of 3.75 TiB", endlessFrame([0x00, 0xff])],
  ["is one segment of 1 GiB", endlessFrame([0xa0, 0, 0, 0, 0x40])],
  ["has bytes behind it", concatBytes([good, Uint8Array.of(0)])],
  ["has another frame behind it", concatBytes([good, good])],
  ["has a skippable frame behind it", concatBytes([good, skippable])],
  ["has a skippable frame before it", concatBytes([skippable, good])],
  ["is a skippable frame of 4 GiB", Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255)],
  ["is nothing", new Uint8Array(0)],
];

describe("a zstd frame that", () => {
  test.each(BOMBS)(
    "%s is corrupt, and takes no more memory than was expected",
    async (_, bytes) => {
      const refused = () =>
        expect(compute.decompress(bytes, EXPECTED_SIZE)).rejects.toMatchObject({ code: "corrupt" });
      await withinMemory(refused);
    },
  );
});

describe("a request that", () => {
  let session: RpcSession;
  let caller: RpcCaller;
  beforeAll(async () => {
    session = await recordSession(3);
    caller = new RpcCaller(session.url);
  });
  afterAll(async () => {
    caller[Symbol.dispose]();
    await session[Symbol.asyncDispose]();
  });

  const COMMIT = "/graft.metastore.v1.MetastoreService/Commit";
  const READ = "/graft.pagestore.v1.PagestoreService/ReadPages";
  const STREAM = "/graft.pagestore.v1.PagestoreService/StreamPages";

  test.each([
    ["gzip", () => gzipSync(Buffer.alloc(512 * MIB), { level: 9 })],
    [
      "zstd",
      () =>
        zstdCompressSync(Buffer.alloc(512 * MIB), {
          params: { [constants.ZSTD_c_compressionLevel]: 1 },
        }),
    ],
  ])("is 512 MiB in %s is refused for its size", { timeout: 120_000 }, async (encoding, make) => {
    const body = new Uint8Array(make());
    const headers = { "content-encoding": encoding };
    // Twice the limit: what was decompressed until then, and its copy.
    const answer = await withinMemory(
      () => caller.call(COMMIT, "connect", body, { headers }),
      GROWTH_MAX + 2 * REQUEST_BODY_SIZE_MAX,
    );
    expect(answer.code).toBe("resource_exhausted");
    await session.mustBeHealthy();
  });

  test.each(["grpc", "grpc-web"] as const)(
    "says in %s that it is 4 GiB and is nothing is refused",
    async (framing) => {
      const body = envelope(new Uint8Array(10), 0, 0xffff_ffff);
      const answer = await withinMemory(() => caller.call(COMMIT, framing, body));
      expect(answer.isAccepted).toBe(false);
      await session.mustBeHealthy();
    },
  );

  test.each(["connect", "raw"] as const)(
    "announces 4 GiB over %s is refused before it is read",
    async (framing) => {
      const path = framing === "raw" ? "/metastore/v1/commit" : COMMIT;
      const headers = { "content-length": 4 * 1024 * MIB, connection: "close" };
      const answered = caller.call(path, framing, new Uint8Array(9), { headers });
      const answer = await withinMemory(() => answered.catch(() => ({ isAccepted: false })));
      expect(answer.isAccepted).toBe(false);
      await session.mustBeHealthy();
    },
  );

  const all = pages([1, 0x4000_0000]);
  const vid = () => gidBytes(session.volumeId);

  test("reads a billion pages is refused at once", async () => {
    const message = concatBytes([fieldOf(1, vid()), Uint8Array.of(0x10, 1), fieldOf(3, all)]);
    const started = performance.now();
    const answer = await withinMemory(() => caller.call(READ, "connect", message));
    expect(answer.code).toBe("invalid_argument");
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test("streams a billion pages of a volume of ninety is answered, and others meanwhile", async () => {
    const message = create(StreamPagesRequestSchema, { vid: vid(), lsn: 1n, graft: all });
    const body = envelope(toBinary(StreamPagesRequestSchema, message));
    const answers = Array.from({ length: 3 }, () =>
      caller.call(STREAM, "connect", body, { isStream: true }),
    );
    await session.mustBeHealthy();
    for (const answer of await Promise.all(answers)) expect(answer.code).not.toBe("internal");
  });

  test("commits a billion pages that no segment holds is refused", async () => {
    const sid = new Uint8Array(16).fill(0xa0);
    const message = create(CommitRequestSchema, {
      vid: vid(),
      cid: new Uint8Array(16).fill(0xc0),
      pageCount: 0xffff_fffe,
      snapshotLsn: 3n,
      commitId: new Uint8Array(16),
      segments: [{ sid, graft: all, size: 9000n }],
    });
    const body = toBinary(CommitRequestSchema, message);
    const answer = await withinMemory(() => caller.call(COMMIT, "connect", body));
    expect(answer.isAccepted).toBe(false);
    expect(answer.code).not.toBe("internal");
    await session.mustBeHealthy();
  });
});

/** A field of bytes, whatever its message. */
function fieldOf(number: number, content: Uint8Array): Uint8Array {
  const size: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    size.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return concatBytes([Uint8Array.of((number << 3) | 2, ...size), content]);
}
