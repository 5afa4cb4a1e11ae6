/** Commit records that lie, with every checksum right: named as corrupt, never served. */
import type { MessageShape } from "@bufbuild/protobuf";
import type { CommitBodySchema } from "@graft/proto-gen/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { forgeCommit, pages } from "./forge.ts";
import { attackedVolume, PAGE_COUNT, type VolumeUnderAttack } from "./volume-under-attack.ts";

type Body = MessageShape<typeof CommitBodySchema>;

let attacked: VolumeUnderAttack;
beforeEach(async () => {
  attacked = await attackedVolume();
});
afterEach(() => attacked[Symbol.asyncDispose]());

const HEAD = 3n;
/** 12 MB of record: it is within the limit. */
const BILLION_PAGES = pages([1, 0x3fff_fffe]);

/** The first of a list that must be there. */
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the forged volume is not what the test expects");
  return value;
}

const tail = (body: Body) => must(body.tailIndex);
/** The tail index's reference to the segment of LSN 1. */
const segment = (body: Body) => must(tail(body).commits.flatMap((one) => one.segments)[0]);
const frame = (body: Body) => must(segment(body).frames[0]);
const inline = (body: Body) => must(body.inlineFrames[0]);

const LIES: readonly (readonly [string, (body: Body) => void])[] = [
  [
    "names itself in its tail index",
    (body) => {
      must(tail(body).commits[0]).lsn = HEAD;
    },
  ],
  [
    "names the future in its tail index",
    (body) => {
      must(tail(body).commits[0]).lsn = 9n;
    },
  ],
  [
    "names the end of time",
    (body) => {
      must(tail(body).commits[0]).lsn = 2n ** 64n - 1n;
    },
  ],
  [
    "names LSN 0",
    (body) => {
      must(tail(body).commits[0]).lsn = 0n;
    },
  ],
  ["goes round in its tail index", (body) => void tail(body).commits.reverse()],
  [
    "names an earlier commit twice",
    (body) => void tail(body).commits.push(must(tail(body).commits[0])),
  ],
  [
    "names a checkpoint at itself",
    (body) => {
      body.checkpoint = checkpointAt(HEAD);
    },
  ],
  [
    "names a checkpoint of the future",
    (body) => {
      body.checkpoint = checkpointAt(90n);
    },
  ],
  [
    "names a checkpoint that is not there",
    (body) => {
      body.checkpoint = checkpointAt(2n);
      tail(body).commits = [];
    },
  ],
  ["shrinks in the future", (body) => void tail(body).shrinks.push(shrinkAt(9n, 5))],
  [
    "shrinks in the wrong order",
    (body) => void tail(body).shrinks.push(shrinkAt(2n, 5), shrinkAt(1n, 9)),
  ],
  [
    "shrinks 257 times",
    (body) => {
      for (let at = 1; at <= 257; at++) tail(body).shrinks.push(shrinkAt(BigInt(at), at));
    },
  ],
  [
    "says another LSN",
    (body) => {
      body.lsn = 2n;
    },
  ],
  ["says another volume", (body) => void must(body.vid.subarray(9, 10)).fill(0)],
  [
    "has no parent",
    (body) => {
      body.parentHash = undefined;
    },
  ],
  [
    "has a low page count above its page count",
    (body) => {
      body.lowPageCount = 900;
    },
  ],
  [
    "has no page size",
    (body) => {
      body.pageSize = 0;
    },
  ],
  [
    "has a page size of 131072",
    (body) => {
      body.pageSize = 131_072;
    },
  ],
  [
    "has a page above its page count",
    (body) => {
      body.pageCount = 2;
    },
  ],
  [
    "has a page set that expands to a billion pages",
    (body) => {
      inline(body).pageSet = BILLION_PAGES;
    },
  ],
  [
    "has a page set that is none",
    (body) => {
      inline(body).pageSet = Uint8Array.of(1, 2, 3);
    },
  ],
  [
    "has page 0",
    (body) => {
      inline(body).pageSet = pages(0);
    },
  ],
  ["has the same page twice", (body) => void body.inlineFrames.push(inline(body))],
  [
    "has an unknown codec",
    (body) => {
      inline(body).codec = 2;
    },
  ],
  ["has an inline frame of another content", (body) => void inline(body).hash.fill(1)],
  [
    "moves a page to another index",
    (body) => {
      inline(body).pageSet = pages(4);
    },
  ],
  [
    "has a segment over 32 MiB",
    (body) => {
      segment(body).size = 2n ** 25n + 1n;
    },
  ],
  [
    "has a segment of 2^64 − 1 bytes",
    (body) => {
      segment(body).size = 2n ** 64n - 1n;
    },
  ],
  [
    "has its own volume as owner",
    (body) => {
      segment(body).ownerVid = body.vid;
    },
  ],
  [
    "has a frame beyond the segment",
    (body) => {
      frame(body).offset = segment(body).size;
    },
  ],
  [
    "has a frame at 2^64 − 1",
    (body) => {
      frame(body).offset = 2n ** 64n - 1n;
    },
  ],
  [
    "has a frame of 2^32 − 1 bytes",
    (body) => {
      frame(body).size = 0xffff_ffff;
    },
  ],
  [
    "has a frame that ends before it begins",
    (body) => {
      frame(body).lastPage = 0;
    },
  ],
  [
    "has a frame of other pages",
    (body) => {
      frame(body).lastPage = PAGE_COUNT + 5;
    },
  ],
  ["has a frame twice", (body) => void segment(body).frames.push(frame(body))],
  ["has a frame of another hash", (body) => void frame(body).hash.fill(1)],
  ["has a segment that is not there", (body) => void segment(body).sid.fill(7, 9)],
];

function checkpointAt(lsn: bigint): NonNullable<Body["checkpoint"]> {
  return { $typeName: "graft.storage.v1.CheckpointRef", lsn, hash: new Uint8Array(32) };
}

function shrinkAt(lsn: bigint, lowPageCount: number): NonNullable<Body["tailIndex"]>["shrinks"][0] {
  return { $typeName: "graft.storage.v1.Shrink", lsn, lowPageCount };
}

describe("a commit whose checksums are right", () => {
  test("is served when it tells the truth", async () => {
    await forgeCommit(attacked.cluster.store, { ...attacked, lsn: HEAD }, () => undefined);
    expect(await attacked.readAll()).toMatch(/^served/);
  });

  test.each(LIES)("and %s is refused as corrupt", async (_, lie) => {
    await forgeCommit(attacked.cluster.store, { ...attacked, lsn: HEAD }, lie);
    expect(await attacked.readAll()).toBe("corrupt");
  });

  test("a walk down the log ends, whatever parents it meets", async () => {
    const { store } = attacked.cluster;
    for (const lsn of [2n, 3n]) {
      await forgeCommit(store, { ...attacked, lsn }, (body) => {
        body.tailIndex = undefined;
        body.parentHash = new Uint8Array(32).fill(Number(lsn));
      });
    }
    expect(await attacked.readAll()).toBe("corrupt");
  });
});
