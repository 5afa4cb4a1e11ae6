import { GraftError, LSN_LAST, type Lsn, toLsn } from "@graft/core";
import {
  arbitraryBytes,
  arbitraryLsn,
  arbitrarySegmentId,
  arbitraryVolumeId,
} from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkpointBlocksKey,
  checkpointBlocksName,
  checkpointRootKey,
  headKey,
  logKey,
  parseObjectKey,
  segmentKey,
  volumeKey,
  volumePrefix,
} from "./object-keys.ts";

const keys = fc.record({
  volumeId: arbitraryVolumeId(),
  segmentId: arbitrarySegmentId(),
  lsn: arbitraryLsn(),
  nonce: arbitraryBytes(8, 8),
});

describe("object keys", () => {
  test("every key parses back to what it was built from", () => {
    fc.assert(
      fc.property(keys, ({ volumeId, segmentId, lsn, nonce }) => {
        const name = checkpointBlocksName(lsn, nonce);
        const cases = [
          [volumeKey(volumeId), { kind: "volume", volumeId }],
          [headKey(volumeId), { kind: "head", volumeId }],
          [logKey(volumeId, lsn), { kind: "commit", volumeId, lsn }],
          [segmentKey(volumeId, segmentId), { kind: "segment", volumeId, segmentId }],
          [checkpointRootKey(volumeId, lsn), { kind: "checkpoint-root", volumeId, lsn }],
          [checkpointBlocksKey(volumeId, name), { kind: "checkpoint-blocks", volumeId, name }],
        ] as const;
        for (const [key, parsed] of cases) {
          expect(parseObjectKey(key)).toEqual(parsed);
          expect(key.startsWith(volumePrefix(volumeId))).toBe(true);
        }
      }),
    );
  });

  test("a text that no builder makes is no key, and every key of the parser is built again", () => {
    fc.assert(
      fc.property(keys, fc.nat(), fc.string(), ({ volumeId, lsn }, at, junk) => {
        const key = logKey(volumeId, lsn);
        const place = at % (key.length + 1);
        const other = key.slice(0, place) + junk + key.slice(place);
        const parsed = parseObjectKey(other);
        if (parsed?.kind === "commit") expect(logKey(parsed.volumeId, parsed.lsn)).toBe(other);
      }),
    );
  });

  test.each([
    "",
    "volumes",
    "volumes//volume",
    "volume/x/volume",
    "volumes/2222222222222222222222/volume",
  ])("%j is no key", (key) => {
    expect(parseObjectKey(key)).toBeUndefined();
  });

  test("wrong last parts are no keys", () => {
    const [volumeId] = fc.sample(arbitraryVolumeId(), 1);
    const prefix = volumePrefix(volumeId as NonNullable<typeof volumeId>);
    for (const rest of [
      "",
      "volume/",
      "heads",
      "log",
      "log/",
      "log/1",
      "log/0000000000000000",
      "log/000000000000000A",
      "log/0000000000000001/",
      "segments/x",
      "checkpoints/0000000000000000-0000000000000000",
      "checkpoints/0000000000000001-",
      "checkpoints/0000000000000001-00000000000000",
    ]) {
      expect(parseObjectKey(prefix + rest), rest).toBeUndefined();
    }
  });

  test("byte order of log keys is LSN order", () => {
    const [volumeId] = fc.sample(arbitraryVolumeId(), 1);
    if (volumeId === undefined) throw new Error("a sample has one");
    const lsns: Lsn[] = [1n, 9n, 10n, 255n, 256n, 65_536n, 2n ** 53n, 2n ** 63n].map(toLsn);
    const made = [...lsns, LSN_LAST].map((lsn) => logKey(volumeId, lsn));
    expect(made.toSorted()).toEqual(made);
  });

  test("a nonce of another size is refused", () => {
    expect(() => checkpointBlocksName(toLsn(1n), new Uint8Array(7))).toThrow(GraftError);
  });
});
