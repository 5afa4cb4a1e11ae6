import { createVolumeId, toPageSize } from "@graft/core";
import { nodeCompute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { encodeVolumeRecord, volumeKey } from "@graft/format";
import { MemoryObjectStore, MeteredObjectStore } from "@graft/object-store";
import { expect, test } from "vitest";
import { VolumePageSizes } from "./volume-page-sizes.ts";

function setUp() {
  const clock = new SimulatedClock();
  const store = new MeteredObjectStore(new MemoryObjectStore(), clock);
  const volumeId = createVolumeId({ clock, random: new SeededRandom(1) });
  return { store, volumeId, sizes: new VolumePageSizes({ store, compute: nodeCompute }) };
}

test("pages of another size than the volume's are refused before they are stored", async () => {
  const { store, volumeId, sizes } = setUp();
  const record = { volumeId, pageSize: toPageSize(512), createdMs: 1 };
  await store.put(volumeKey(volumeId), encodeVolumeRecord(record, nodeCompute));
  await sizes.check(volumeId, toPageSize(512), undefined);
  const wrong = sizes.check(volumeId, toPageSize(4096), undefined);
  await expect(wrong).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(wrong).rejects.toThrow(/pages of 512 bytes, the request has pages of 4096/);
});

test("a volume is looked up once, also one that does not exist yet", async () => {
  const { store, volumeId, sizes } = setUp();
  for (let time = 0; time < 5; time++) await sizes.check(volumeId, toPageSize(4096), undefined);
  expect(store.meter.snapshot().get.requests).toBe(1);
});
