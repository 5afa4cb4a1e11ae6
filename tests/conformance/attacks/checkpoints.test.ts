/** Checkpoints that lie, down from a commit that names the lie by its right hash. */
import { create, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { toLsn } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { checkpointBlocksKey, checkpointRootKey } from "@graft/format";
import { CheckpointBlockBodySchema, CheckpointRootBodySchema } from "@graft/proto-gen/storage";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { commitPages } from "../../harness/pages.ts";
import { bodyOf, forgeCommit, pages, RECORD_CODES, seal } from "./forge.ts";
import { attackedVolume, PAGE_COUNT, type VolumeUnderAttack } from "./volume-under-attack.ts";

type Root = MessageShape<typeof CheckpointRootBodySchema>;
type Block = MessageShape<typeof CheckpointBlockBodySchema>;

let attacked: VolumeUnderAttack;
let head: bigint;
let checkpointLsn: bigint;

/** Every object as it was honestly written. */
const honest = new Map<string, Uint8Array>();

beforeAll(async () => {
  attacked = await attackedVolume();
  // A checkpoint is due after 64 commits, and written in the background; a later commit names it.
  for (head = 3n; head < 68n || (await newestCheckpoint()) === undefined; ) await pushOne();
  await pushOne();
  await pushOne();
  checkpointLsn = must(await newestCheckpoint());
  const { store } = attacked.cluster;
  for await (const { key } of store.list("volumes/")) {
    honest.set(key, must(await store.get(key)).bytes);
  }
});
afterAll(() => attacked[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const [key, bytes] of honest) await attacked.cluster.store.put(key, bytes);
});

async function pushOne(): Promise<void> {
  head++;
  commitPages(attacked.volume, { [1 + (Number(head) % 20)]: Number(head) }, PAGE_COUNT);
  await attacked.volume.push();
}

async function newestCheckpoint(): Promise<bigint | undefined> {
  const folder = `volumes/${attacked.volumeId}/checkpoints/`;
  const keys = await Array.fromAsync(attacked.cluster.store.list(folder));
  const roots = keys
    .map(({ key }) => key.slice(folder.length))
    .filter((name) => name.length === 16);
  const newest = roots.at(-1);
  return newest === undefined ? undefined : BigInt(`0x${newest}`);
}

async function readRoot(): Promise<Root> {
  const key = checkpointRootKey(attacked.volumeId, toLsn(checkpointLsn));
  const stored = await attacked.cluster.store.get(key);
  if (stored === undefined) throw new Error(`there is no ${key}`);
  return bodyOf(CheckpointRootBodySchema, stored.bytes);
}

/** Stores a root, and makes the head commit name it. */
async function plantRoot(root: Root): Promise<void> {
  const { store } = attacked.cluster;
  const bytes = seal(RECORD_CODES.root, toBinary(CheckpointRootBodySchema, root));
  await store.put(checkpointRootKey(attacked.volumeId, toLsn(checkpointLsn)), bytes);
  await forgeCommit(store, { volumeId: attacked.volumeId, lsn: head }, (body) => {
    if (body.checkpoint?.lsn !== checkpointLsn) throw new Error("the head names no checkpoint");
    body.checkpoint.hash = compute.sha256(bytes);
  });
}

/** Stores a block in the place of the root's first, and names it by its right hash. */
async function plantBlock(change: (block: Block) => void): Promise<void> {
  const { store } = attacked.cluster;
  const root = await readRoot();
  const ref = must(root.blocks[0]);
  const key = checkpointBlocksKey(attacked.volumeId, ref.object);
  const stored = must(await store.get(key));
  const at = Number(ref.offset);
  const block = bodyOf(CheckpointBlockBodySchema, stored.bytes.subarray(at, at + ref.size));
  change(block);
  const bytes = seal(RECORD_CODES.block, toBinary(CheckpointBlockBodySchema, block));
  await store.put(key, bytes);
  await plantRoot({
    ...root,
    blocks: [{ ...ref, offset: 0n, size: bytes.length, hash: compute.sha256(bytes) }],
  });
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the forged checkpoint is not what the test expects");
  return value;
}

const firstOf = (root: Root) => must(root.blocks[0]);
const entryOf = (block: Block) => must(block.entries[0]);
const emptyBlock = () => create(CheckpointBlockBodySchema, {});

const ROOT_LIES: readonly (readonly [string, (root: Root) => void])[] = [
  ["blocks that overlap", (root) => void root.blocks.push({ ...firstOf(root) })],
  [
    "blocks in the wrong order",
    (root) => {
      root.blocks = [
        { ...firstOf(root), firstPage: 50, lastPage: 60 },
        { ...firstOf(root), lastPage: 9 },
      ];
    },
  ],
  [
    "a block that answers for other pages than it has",
    (root) => {
      firstOf(root).lastPage = PAGE_COUNT - 1;
    },
  ],
  [
    "a block beyond its object",
    (root) => {
      firstOf(root).offset = 1_000_000_000n;
    },
  ],
  [
    "a block at 2^64 − 1",
    (root) => {
      firstOf(root).offset = 2n ** 64n - 1n;
    },
  ],
  [
    "a block of 2^32 − 1 bytes",
    (root) => {
      firstOf(root).size = 0xffff_ffff;
    },
  ],
  [
    "a block of another hash",
    (root) => {
      firstOf(root).hash = new Uint8Array(32);
    },
  ],
  [
    "a block in an object that is not there",
    (root) => {
      firstOf(root).object = `${"1".padStart(16, "0")}-${"0".repeat(16)}`;
    },
  ],
  [
    "a block in an object outside its folder",
    (root) => {
      firstOf(root).object = "../../../secret";
    },
  ],
  [
    "a block of the future",
    (root) => {
      firstOf(root).object = `${"f".repeat(16)}-${"0".repeat(16)}`;
    },
  ],
  [
    "a page above its page count",
    (root) => {
      root.pageCount = 2;
    },
  ],
  [
    "another LSN",
    (root) => {
      root.lsn += 1n;
    },
  ],
  [
    "another volume",
    (root) => {
      root.vid = root.vid.slice();
      root.vid[12] = (root.vid[12] ?? 0) ^ 1;
    },
  ],
  [
    "257 shrinks",
    (root) => {
      for (let at = 1; at <= 257; at++) {
        root.shrinks.push({
          $typeName: "graft.storage.v1.Shrink",
          lsn: BigInt(at),
          lowPageCount: at,
        });
      }
    },
  ],
];

const BLOCK_LIES: readonly (readonly [string, (block: Block) => void])[] = [
  [
    "no entry",
    (block) => {
      block.entries = emptyBlock().entries;
    },
  ],
  ["an entry twice", (block) => void block.entries.push(entryOf(block))],
  [
    "entries in the wrong order",
    (block) => {
      block.entries = [...block.entries, { ...entryOf(block), pageSet: pages(1) }];
    },
  ],
  [
    "an LSN of the future",
    (block) => {
      entryOf(block).lsn = 2n ** 64n - 1n;
    },
  ],
  [
    "a page set of a million pages",
    (block) => {
      entryOf(block).pageSet = pages([1, 1_000_000]);
    },
  ],
  [
    "a segment that is not there",
    (block) => {
      for (const entry of block.entries) entry.sid.fill(3, 9);
    },
  ],
  [
    "a frame of another hash",
    (block) => {
      for (const entry of block.entries) must(entry.frame).hash.fill(1);
    },
  ],
  [
    "a frame beyond its segment",
    (block) => {
      for (const entry of block.entries) must(entry.frame).offset = 30_000_000n;
    },
  ],
];

describe("a checkpoint that a commit names by the right hash", () => {
  test("is served when it tells the truth", async () => {
    await plantRoot(await readRoot());
    expect(await attacked.readAll()).toMatch(/^served/);
    await plantBlock(() => undefined);
    expect(await attacked.readAll()).toMatch(/^served/);
  });

  test.each(ROOT_LIES)("and has %s is refused as corrupt", async (_, lie) => {
    const root = await readRoot();
    lie(root);
    await plantRoot(root);
    expect(await attacked.readAll()).toBe("corrupt");
  });

  test.each(BLOCK_LIES)("and has a block with %s is refused as corrupt", async (_, lie) => {
    await plantBlock(lie);
    expect(await attacked.readAll()).toBe("corrupt");
  });
});
