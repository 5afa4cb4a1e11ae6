import { isGraftError } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom } from "@graft/core/testing";
import { logKey, segmentKey, volumePrefix } from "@graft/format";
import { MemoryObjectStore } from "@graft/object-store";
import { beforeAll, describe, expect, it } from "vitest";
import { BuiltVolume } from "../testing/built-volume.ts";
import { objectSource } from "./byte-source.ts";
import type { Inspection } from "./facts.ts";
import { type InspectRequest, inspectSource } from "./inspect-source.ts";

const store = new MemoryObjectStore();
const { signal } = new AbortController();
let volume: BuiltVolume;

beforeAll(async () => {
  volume = await BuiltVolume.build(store);
});

async function inspect(key: string, request: Partial<InspectRequest> = {}): Promise<Inspection> {
  return inspectSource(await objectSource(key, store, signal), { compute, ...request });
}

describe("inspect", () => {
  it("knows every object of a volume", async () => {
    const kinds = new Map<string, number>();
    for await (const { key } of store.list(volumePrefix(volume.volumeId))) {
      const { kind } = await inspect(key);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect(Object.fromEntries(kinds)).toEqual({
      volume: 1,
      commit: 8,
      segment: volume.segmentIds.length,
      "checkpoint root": 2,
      "checkpoint blocks": 2,
      "head hint": 1,
    });
  });

  it("tells of a commit its hash, its parent's, its frames and its tail index", async () => {
    const first = await inspect(logKey(volume.volumeId, 1n as never));
    const second = await inspect(logKey(volume.volumeId, 2n as never));
    expect(second.facts).toMatchObject({
      lsn: 2n,
      parentHash: first.facts.hash,
      inlineFrames: [{ frame: 0, content: "verified" }],
      tailIndex: { commits: [{ lsn: 1n }] },
    });
  });

  it("shows a frame, and a page, of a segment and of a commit", async () => {
    const segment = segmentKey(volume.volumeId, volume.segmentIds[0] as never);
    const frame = await inspect(segment, { frame: 1 });
    expect(frame.facts).toMatchObject({ frame: 1, codec: "raw", size: 64 * 512 });
    const page = await inspect(segment, { page: 70 });
    expect(page.facts).toMatchObject({ page: 70, size: 512 });
    const inline = await inspect(logKey(volume.volumeId, 2n as never), { page: 131 });
    expect(inline.bytes).toHaveLength(512);
    await expect(inspect(segment, { frame: 9 })).rejects.toThrow("has no frame 9: it has 0 … 2");
    await expect(inspect(segment, { page: 200 })).rejects.toThrow("page 200 is not in");
    const elsewhere = inspect(logKey(volume.volumeId, 1n as never), { page: 70 });
    await expect(elsewhere).rejects.toThrow(`inspect segment ${volume.segmentIds[0]} with --page`);
  });

  it("shows the sound frames of a segment beside a damaged one", async () => {
    const key = segmentKey(volume.volumeId, volume.segmentIds[0] as never);
    const bytes = (await store.get(key))?.bytes.slice() ?? new Uint8Array();
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    const source = { name: "copy", size: bytes.length, read: async () => bytes };
    const { facts } = await inspectSource(source, { compute });
    expect(facts.frames).toMatchObject([
      { content: "frame of pages 1 … 64: its hash does not match" },
      { content: "verified" },
      { content: "verified" },
    ]);
  });

  it("of hostile bytes refuses or tells something, and never fails otherwise", async () => {
    const random = new SeededRandom(13);
    for await (const { key } of store.list(volumePrefix(volume.volumeId))) {
      const bytes = (await store.get(key))?.bytes ?? new Uint8Array();
      for (let round = 0; round < 60; round++) {
        const copy = bytes.slice(0, random.integer(0, bytes.length));
        if (copy.length > 0) copy[random.integer(0, copy.length - 1)] = random.integer(0, 255);
        const name = round % 2 === 0 ? key : "file";
        const read = async (at: number, size: number) => copy.subarray(at, at + size);
        const page = round % 3 === 0 ? 1 : undefined;
        try {
          await inspectSource({ name, size: copy.length, read }, { compute, page });
        } catch (error) {
          if (!isGraftError(error)) throw error;
        }
      }
    }
  });

  it("refuses what is nothing of ours", async () => {
    const bytes = new TextEncoder().encode("hello");
    const source = { name: "notes.txt", size: 5, read: async () => bytes };
    await expect(inspectSource(source, { compute })).rejects.toThrow(
      '"notes.txt" is nothing of ours',
    );
  });
});
