import {
  createVolumeId,
  type Page,
  pageSetOf,
  toLsn,
  toPageCount,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { encodeFrame, type Frame } from "@graft/format";
import type { WatchNews } from "@graft/rpc";
import { describe, expect, test } from "vitest";
import type { RemoteNews } from "./remote.ts";
import { toRemoteEvent } from "./remote-event.ts";

const means = { clock: new SimulatedClock(), random: new SeededRandom(3) };
const volumeId = createVolumeId(means);
const other = createVolumeId(means);
const pageSize = toPageSize(512);

function page(index: number): Page {
  return { index: toPageIndex(index), data: new Uint8Array(512).fill(index) };
}

async function frame(indexes: readonly number[], of = volumeId): Promise<Frame> {
  return await encodeFrame(indexes.map(page), { volumeId: of, pageSize }, nodeCompute);
}

/** News of a volume of ten pages, in which `changed` changed. */
async function newsOf(
  changed: readonly number[],
  frames: readonly Frame[],
  fromLsn = 4n,
): Promise<RemoteNews> {
  const snapshot = { volumeId, lsn: toLsn(5n), pageCount: toPageCount(10), pageSize };
  const event = {
    kind: "news",
    fromLsn: toLsn(fromLsn),
    snapshot: snapshot as WatchNews["snapshot"],
    pageSet: pageSetOf(changed.map(toPageIndex)),
    commitIds: [],
    inlineFrames: frames,
  } satisfies WatchNews;
  return (await toRemoteEvent(event, nodeCompute)) as RemoteNews;
}

describe("news", () => {
  test("brings all pages that changed, ascending", async () => {
    const news = await newsOf([2, 3, 7], [await frame([7]), await frame([2, 3])]);
    expect(news.pages).toEqual([page(2), page(3), page(7)]);
    expect([...news.changed]).toEqual([2, 3, 7]);
  });

  test("may leave out pages that do not exist: from some page on, up to the last", async () => {
    const news = await newsOf([2, 8, 9, 10], [await frame([2, 9])]);
    expect(news.pages).toEqual([page(2), page(9)]);
  });

  test.each([
    ["one is missing", [2, 3], async () => [await frame([2])]],
    ["one is missing among those above", [2, 7, 9, 10], async () => [await frame([2, 9, 10])]],
    ["one did not change", [2], async () => [await frame([2, 3])]],
    ["one is there twice", [2, 3], async () => [await frame([2, 3]), await frame([3])]],
    ["a frame is damaged", [2], async () => [{ ...(await frame([2])), hash: new Uint8Array(16) }]],
    ["a frame is another volume's", [2], async () => [await frame([2], other)]],
  ])("has no page at all when %s", async (_name, changed, frames) => {
    const news = await newsOf(changed, await frames());
    expect(news.pages).toEqual([]);
    expect([...news.changed]).toEqual(changed);
    expect(news.snapshot.lsn).toBe(5n);
  });

  test.each([5n, 6n])("from LSN %s to LSN 5 is malformed", async (from) => {
    await expect(newsOf([2], [], from)).rejects.toMatchObject({ code: "internal" });
  });
});
