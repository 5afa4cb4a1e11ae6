import {
  createSegmentId,
  createVolumeId,
  GraftError,
  type Page,
  pageSetOf,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, it } from "vitest";
import type { Remote, UploadedSegment } from "../remote/remote.ts";
import { type UploadRequest, uploadPages } from "./upload.ts";

const clock = new SimulatedClock({ mode: "auto" });
const random = new SeededRandom(1);
const pageSize = toPageSize(65_536);
/** 3.75 MiB of pages. */
const PART_COUNT = 60;

/** A remote that only takes pages; `fail` says which calls are lost. */
function createTaker(fail: (call: number) => GraftError | undefined) {
  const state = { calls: 0, underWay: 0, underWayMost: 0 };
  const writePages: Remote["writePages"] = async (_volume, _size, pages) => {
    const call = ++state.calls;
    state.underWayMost = Math.max(state.underWayMost, ++state.underWay);
    await clock.sleep(10);
    state.underWay--;
    for (const { index, data } of pages) {
      const written = new DataView(data.buffer, data.byteOffset).getUint32(0);
      if (written !== index) throw new Error(`page ${index} has the bytes of page ${written}`);
    }
    const error = fail(call);
    if (error !== undefined) throw error;
    const set = pageSetOf(pages.map((page) => page.index));
    return [{ segmentId: createSegmentId({ clock, random }), pageSet: set }];
  };
  return { state, remote: { writePages } as Remote };
}

/** As sources give them: one piece of memory for all. */
function* pagesOf(count: number): Generator<Page> {
  const data = new Uint8Array(pageSize);
  for (let at = 1; at <= count; at++) {
    new DataView(data.buffer).setUint32(0, at);
    yield { index: toPageIndex(at), data };
  }
}

function requestOf(remote: Remote, count: number): UploadRequest {
  const volumeId = createVolumeId({ clock, random });
  const pages = pagesOf(count);
  return { remote, clock, random, volumeId, pageSize, isNewVolume: false, pages };
}

function pagesIn(segments: readonly UploadedSegment[]): number[] {
  return segments.flatMap(({ pageSet }) => [...pageSet]);
}

describe("an upload", () => {
  it("sends parts of 3.75 MiB, at most three at a time, and answers in page order", async () => {
    const { state, remote } = createTaker(() => undefined);
    const segments = await uploadPages(requestOf(remote, PART_COUNT * 6 + 1));
    expect(state).toMatchObject({ calls: 7, underWayMost: 3 });
    expect(pagesIn(segments)).toEqual(
      Array.from({ length: PART_COUNT * 6 + 1 }, (_, at) => at + 1),
    );
  });

  it("sends a part again that did not get through", async () => {
    const lost = new GraftError("unavailable", "the connection was lost");
    const { state, remote } = createTaker((call) => (call === 2 || call === 3 ? lost : undefined));
    const segments = await uploadPages(requestOf(remote, PART_COUNT * 3));
    expect(state.calls).toBe(5);
    expect(pagesIn(segments)).toHaveLength(PART_COUNT * 3);
  });

  it("sends no part whose segments are known, and says what was stored", async () => {
    const { state, remote } = createTaker(() => undefined);
    const known = [{ segmentId: createSegmentId({ clock, random }), pageSet: pageSetOf([]) }];
    const stored: number[] = [];
    let done = 0;
    const segments = await uploadPages({
      ...requestOf(remote, PART_COUNT * 2),
      beginsPart: (index) => index === 10,
      findStored: (part) => (part[0]?.index === 10 ? known : undefined),
      onStored: (part) => stored.push(part[0]?.index ?? 0),
      onDone: (count) => {
        done += count;
      },
    });
    expect(state.calls).toBe(2);
    expect(stored).toEqual([1, 10 + PART_COUNT]);
    expect(segments).toHaveLength(3);
    expect(segments[1]).toBe(known[0]);
    expect(done).toBe(PART_COUNT * 2);
  });

  it("fails with the first part that is refused, also while pages are still being read", async () => {
    const refused = new GraftError("resource-exhausted", "too much");
    const { remote } = createTaker((call) => (call === 1 ? refused : undefined));
    async function* slowly(): AsyncGenerator<Page> {
      for (const page of pagesOf(PART_COUNT * 3)) {
        if (page.index === PART_COUNT + 5) await clock.sleep(1_000);
        yield page;
      }
    }
    const upload = uploadPages({ ...requestOf(remote, PART_COUNT * 3), pages: slowly() });
    await expect(upload).rejects.toBe(refused);
  });
});
