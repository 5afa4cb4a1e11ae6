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
/** 8 MiB of pages. */
const PART_COUNT = 128;

/** A remote that only takes pages; `fail` says which calls are lost. */
function createTaker(fail: (call: number) => GraftError | undefined) {
  const state = { calls: 0, underWay: 0, underWayMost: 0 };
  const writePages: Remote["writePages"] = async (_volume, _size, pages) => {
    const call = ++state.calls;
    state.underWayMost = Math.max(state.underWayMost, ++state.underWay);
    await clock.sleep(10);
    state.underWay--;
    const error = fail(call);
    if (error !== undefined) throw error;
    const set = pageSetOf(pages.map((page) => page.index));
    return [{ segmentId: createSegmentId({ clock, random }), pageSet: set }];
  };
  return { state, remote: { writePages } as Remote };
}

function* pagesOf(count: number): Generator<Page> {
  for (let at = 1; at <= count; at++) {
    yield { index: toPageIndex(at), data: new Uint8Array(pageSize) };
  }
}

function requestOf(remote: Remote, count: number): UploadRequest {
  const volumeId = createVolumeId({ clock, random });
  const pages = pagesOf(count);
  return { remote, clock, random, volumeId, pageSize, isNewVolume: false, pages, total: count };
}

function pagesIn(segments: readonly UploadedSegment[]): number[] {
  return segments.flatMap(({ pageSet }) => [...pageSet]);
}

describe("an upload", () => {
  it("sends parts of 8 MiB, at most four at a time, and answers in page order", async () => {
    const { state, remote } = createTaker(() => undefined);
    const segments = await uploadPages(requestOf(remote, PART_COUNT * 6 + 1));
    expect(state).toMatchObject({ calls: 7, underWayMost: 4 });
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
