import { createSegmentId, createVolumeId, pageSetOf, toPageCount, toPageIndex } from "@graft/core";
import { SimulatedClock } from "@graft/core/testing";
import { MemoryObjectStore, type ObjectStore, type StoredObject } from "@graft/object-store";
import { expect, test } from "vitest";
import { createTestMetastore, inlineCommitOf } from "./testing/test-metastore.ts";

/** Counts the volumes that are read from at the same time, and lets nobody go on for a while. */
class SlowStore extends MemoryObjectStore {
  readonly #reading = new Map<string, number>();
  mostVolumes = 0;

  override async get(...call: Parameters<ObjectStore["get"]>): Promise<StoredObject | undefined> {
    const volume = call[0].split("/", 2).join("/");
    this.#reading.set(volume, (this.#reading.get(volume) ?? 0) + 1);
    this.mostVolumes = Math.max(this.mostVolumes, this.#reading.size);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    const left = (this.#reading.get(volume) ?? 1) - 1;
    if (left === 0) this.#reading.delete(volume);
    else this.#reading.set(volume, left);
    return await super.get(...call);
  }
}

test("of commits with many segments two are worked on at a time, and all are answered", async () => {
  const store = new SlowStore();
  const clock = new SimulatedClock({ mode: "auto" });
  const on = createTestMetastore({ store, clock });
  const answers = Array.from({ length: 12 }, async () => {
    const volumeId = createVolumeId(on);
    const segments = Array.from({ length: 100 }, (_, at) => ({
      segmentId: createSegmentId(on),
      pageSet: pageSetOf([toPageIndex(at + 1)]),
    }));
    const pageCount = toPageCount(100);
    const change = { segments, pageCount, lowPageCount: pageCount };
    const request = await inlineCommitOf({ ...on, volumeId }, undefined, [], change);
    // Their segments do not exist: that is an answer, too.
    return await on.metastore.commit(request).catch((error: { code: string }) => error.code);
  });
  expect(await Promise.all(answers)).toEqual(answers.map(() => "not-found"));
  expect(store.mostVolumes).toBe(2);
});
