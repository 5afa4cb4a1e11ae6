import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatBookmark, parseBookmark } from "./bookmark.ts";
import { decodeHex, encodeHex } from "./bytes/hex.ts";
import { commitIdBytes, createCommitId, parseCommitId, toCommitId } from "./commit-id.ts";
import {
  createClientId,
  createSegmentId,
  createVolumeId,
  gidBytes,
  gidTimestampMs,
  parseClientId,
  parseSegmentId,
  parseVolumeId,
  toClientId,
  toSegmentId,
  toVolumeId,
} from "./gid.ts";
import { LSN_FIRST, toLsn } from "./lsn.ts";
import type { Random } from "./random.ts";
import {
  arbitraryClientId,
  arbitraryCommitId,
  arbitraryLsn,
  arbitrarySegmentId,
  arbitraryVolumeId,
} from "./testing/arbitraries.ts";
import { SeededRandom } from "./testing/seeded-random.ts";
import { SimulatedClock } from "./testing/simulated-clock.ts";

const invalid = expect.objectContaining({ name: "GraftError", code: "invalid-argument" });

describe("an id", () => {
  test.each([
    ["volume", "GonugMKom6Q92W5YddpVTd", "800195d5263db181d2bbc6cc40364ed0", toVolumeId],
    ["client", "QiAaT13YZ7eaoi5HHq8hKM", "c00195e9b7ec2c2b1f09d9dd28ef84e0", toClientId],
    ["volume", "GontkHa6QVLHYnkyk16wUP", "8001934c0d28f05b1e11f389cfb6dcf4", toVolumeId],
    ["client", "Qi81Dp4C51oVzJ2Wom1BXm", "c0000000000000af1349b9f5f9a1a6a0", toClientId],
  ])("of kind %s: %s is %s", (kind, text, hex, to) => {
    expect(to(decodeHex(hex))).toBe(text);
    const parse = kind === "volume" ? parseVolumeId : parseClientId;
    expect(encodeHex(gidBytes(parse(text)))).toBe(hex);
  });

  test.each([0x00, 0xff])("has 22 characters also when its random bytes are all %d", (byte) => {
    const random: Random = { fill: (target) => void target.fill(byte) };
    const source = { clock: new SimulatedClock(), random };
    for (const create of [createVolumeId, createSegmentId, createClientId]) {
      expect(create(source)).toHaveLength(22);
    }
  });

  test("makes the round trip through text and bytes", () => {
    const ids = fc.tuple(arbitraryVolumeId(), arbitrarySegmentId(), arbitraryClientId());
    fc.assert(
      fc.property(ids, ([volume, segment, client]) => {
        expect(parseVolumeId(volume)).toBe(volume);
        expect(toVolumeId(gidBytes(volume))).toBe(volume);
        expect(toSegmentId(gidBytes(parseSegmentId(segment)))).toBe(segment);
        expect(toClientId(gidBytes(parseClientId(client)))).toBe(client);
      }),
    );
  });

  test("carries its creation time; text and byte order are creation order", () => {
    const random = new SeededRandom(1);
    const times = [0, 1, 255, 256, 1_700_000_000_000, 2 ** 48 - 1];
    const ids = times.map((startMs) =>
      createVolumeId({ clock: new SimulatedClock({ startMs }), random }),
    );
    expect(ids.map(gidTimestampMs)).toEqual(times);
    expect([...ids].sort()).toEqual(ids);
    const hexes = ids.map((id) => encodeHex(gidBytes(id)));
    expect([...hexes].sort()).toEqual(hexes);
  });

  test("begins with a letter that tells its kind", () => {
    const source = { clock: new SimulatedClock(), random: new SeededRandom(1) };
    expect(createVolumeId(source)).toMatch(/^G[o-v]/);
    expect(createSegmentId(source)).toMatch(/^L[k-t]/);
    expect(createClientId(source)).toMatch(/^Q[i-q]/);
  });

  test.each([
    ["another kind", "GGGGGGGGGGGGGGGGGGGGGG", "another kind"],
    ["a number over 16 bytes", "zzzzzzzzzzzzzzzzzzzzzz", "over 16 bytes"],
    ["a bad character", "GontbnaXtaE3!BbafyDiJt", '"!" is not a base58 character'],
    ["21 characters", "GonugMKom6Q92W5YddpVT", "expected 22 characters, got 21"],
    ["23 characters", "GonugMKom6Q92W5YddpVTdd", "expected 22 characters, got 23"],
    ["nothing", "", "got 0"],
    ["a client's id", "QiAaT13YZ7eaoi5HHq8hKM", "another kind"],
  ])("is refused with its reason: %s", (_, text, reason) => {
    expect(() => parseVolumeId(text)).toThrow(invalid);
    expect(() => parseVolumeId(text)).toThrow(reason);
  });

  test("of each kind is refused as each other kind, and with each wrong length", () => {
    const [volume, segment, client] = [0x80, 0xa0, 0xc0].map((kind) =>
      Uint8Array.of(kind, ...new Uint8Array(15)),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    for (const wrong of [segment, client]) expect(() => toVolumeId(wrong)).toThrow(invalid);
    for (const wrong of [volume, client]) expect(() => toSegmentId(wrong)).toThrow(invalid);
    for (const wrong of [volume, segment]) expect(() => toClientId(wrong)).toThrow(invalid);
    for (const size of [0, 15, 17]) {
      const bytes = new Uint8Array(size).fill(0x80);
      expect(() => toVolumeId(bytes)).toThrow(`expected 16 bytes`);
    }
  });
});

describe("a commit id", () => {
  test("makes the round trip through text and bytes", () => {
    fc.assert(
      fc.property(arbitraryCommitId(), (id) => {
        expect(parseCommitId(id)).toBe(id);
        expect(toCommitId(commitIdBytes(id))).toBe(id);
      }),
    );
    expect(createCommitId(new SeededRandom(1))).not.toBe(createCommitId(new SeededRandom(2)));
  });

  test.each(["", "0".repeat(31), "0".repeat(33), "G".repeat(32), "A".repeat(32)])(
    "is refused: %j",
    (text) => {
      expect(() => parseCommitId(text)).toThrow(invalid);
    },
  );

  test("is refused when there are not 16 bytes", () => {
    expect(() => toCommitId(new Uint8Array(15))).toThrow(invalid);
  });
});

describe("a bookmark", () => {
  test("makes the round trip, and sorts by LSN within a volume", () => {
    fc.assert(
      fc.property(arbitraryVolumeId(), arbitraryLsn(), arbitraryLsn(), (volumeId, one, two) => {
        const [first, second] = [one, two].map((lsn) => formatBookmark({ volumeId, lsn }));
        expect(parseBookmark(first ?? "")).toEqual({ volumeId, lsn: one });
        expect((first ?? "") < (second ?? "")).toBe(one < two);
      }),
    );
  });

  test("has a stable form", () => {
    const volumeId = parseVolumeId("GonugMKom6Q92W5YddpVTd");
    const text = "GonugMKom6Q92W5YddpVTd@0000000000000001";
    expect(formatBookmark({ volumeId, lsn: LSN_FIRST })).toBe(text);
    expect(parseBookmark(text)).toEqual({ volumeId, lsn: toLsn(1n) });
  });

  test.each([
    "",
    "GonugMKom6Q92W5YddpVTd",
    "GonugMKom6Q92W5YddpVTd@",
    "GonugMKom6Q92W5YddpVTd@1",
    "GonugMKom6Q92W5YddpVTd@0000000000000000",
    "GonugMKom6Q92W5YddpVTd@000000000000000G",
    "QiAaT13YZ7eaoi5HHq8hKM@0000000000000001",
    "@0000000000000001",
  ])("is refused: %j", (text) => {
    expect(() => parseBookmark(text)).toThrow(invalid);
  });
});
