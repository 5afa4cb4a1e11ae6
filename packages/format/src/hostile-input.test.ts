/**
 * Bytes that somebody damaged or made up: refused by name, never a crash, never memory without
 * measure.
 */
import {
  concatBytes,
  createSegmentId,
  isGraftError,
  type Lsn,
  toLsn,
  toPageIndex,
  toPageSize,
} from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { SeededRandom, SimulatedClock } from "@graft/core/testing";
import { describe, expect, test } from "vitest";
import { encodeCommitRecord } from "./commit-record.ts";
import { decodeCommitRecord } from "./commit-record-decode.ts";
import { encodeRecord, RECORD } from "./record.ts";
import { buildSegment } from "./segment/segment-builder.ts";
import { decodeSegmentFooter } from "./segment/segment-footer.ts";
import { SEGMENT_TRAILER } from "./segment/segment-layout.ts";
import { randomCommitRecord } from "./testing/random-records.ts";
import { reseal } from "./testing/reseal.ts";
import { decodeVolumeRecord, encodeVolumeRecord } from "./volume-record.ts";

const objectName = "volumes/x/y";

/** Changes, cuts, inserts or doubles some bytes between the header and the checksum. */
function damaged(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const end = bytes.length - RECORD.checksumSize;
  const at = random.integer(RECORD.body, end);
  const length = random.integer(0, Math.min(8, end - at));
  const junk = new Uint8Array(random.integer(0, 8));
  random.fill(junk);
  switch (random.integer(0, 3)) {
    case 0:
      return concatBytes([bytes.subarray(0, at), junk, bytes.subarray(at)]);
    case 1:
      return concatBytes([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return concatBytes([bytes.subarray(0, at + length), bytes.subarray(at)]);
    default: {
      const copy = bytes.slice();
      for (let times = random.integer(1, 3); times > 0; times--) {
        copy[random.integer(RECORD.body, end - 1)] = random.integer(0, 255);
      }
      return copy;
    }
  }
}

/** Whether it was accepted; every refusal must be `corrupt` and name the object. */
function isAccepted(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (isGraftError(error, "corrupt") && error.message.startsWith(objectName)) return false;
    throw error;
  }
}

describe("damaged bytes whose checksum is right again", () => {
  test("never crash the commit decoder, and what it accepts is encoded to what it says", () => {
    const random = new SeededRandom(20_250_101);
    let accepted = 0;
    for (let round = 0; round < 400; round++) {
      const small = { pageSize: toPageSize(512) };
      const bytes = encodeCommitRecord(randomCommitRecord(random, small), compute);
      for (let mutation = 0; mutation < 50; mutation++) {
        const hostile = reseal(damaged(bytes, random), compute);
        const isRead = isAccepted(() => {
          const record = decodeCommitRecord(hostile, compute, { objectName });
          const again = encodeCommitRecord(record, compute);
          const reread = decodeCommitRecord(again, compute, { objectName });
          expect(reread).toEqual(record);
        });
        if (isRead) accepted++;
      }
    }
    // Some changes are harmless: the test must not be vacuous either way.
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(19_000);
  });

  test("never crash the decoders of volumes and segment footers", async () => {
    const random = new SeededRandom(2);
    const ids = { random, clock: new SimulatedClock() };
    const { volumeId } = randomCommitRecord(random);
    const pageSize = toPageSize(512);
    const volume = encodeVolumeRecord({ volumeId, pageSize, createdMs: 1 }, compute);
    const pages = [1, 2, 9, 500].map((index) => ({
      index: toPageIndex(index),
      data: new Uint8Array(512),
    }));
    const options = { volumeId, segmentId: createSegmentId(ids), pageSize };
    const { bytes, footer } = await buildSegment(pages, options, compute);
    const framesEnd = footer.frames.reduce((end, entry) => end + entry.size, 8);
    const footerBytes = bytes.subarray(framesEnd, bytes.length - SEGMENT_TRAILER.size);
    for (let round = 0; round < 5000; round++) {
      const record = reseal(damaged(volume, random), compute);
      isAccepted(() => decodeVolumeRecord(record, compute, { objectName }));
      const end = reseal(damaged(footerBytes, random), compute);
      const object = { objectName, size: framesEnd + end.length + SEGMENT_TRAILER.size };
      isAccepted(() => decodeSegmentFooter(end, object, compute));
    }
  });
});

/** `count` times a field of this number that holds `content`. */
function repeated(field: number, content: Uint8Array, count: number): Uint8Array {
  const one = Uint8Array.of((field << 3) | 2, content.length, ...content);
  const body = new Uint8Array(one.length * count);
  for (let at = 0; at < count; at++) body.set(one, at * one.length);
  return body;
}

const EMPTY = new Uint8Array(0);
/** One field of 29 bytes: as long as the least segment reference. */
const LEAST_SEGMENT = Uint8Array.of(0x0a, 29, ...new Uint8Array(29));

describe("a body made to take more memory than it has bytes", () => {
  test.each([
    [
      "8 million empty segments",
      repeated(10, EMPTY, 8_000_000),
      "field segments: expected at least",
    ],
    ["65,537 segments", repeated(10, LEAST_SEGMENT, 65_537), "more than 65536 of field segments"],
    [
      "257 inline frames",
      repeated(11, new Uint8Array(32), 257),
      "more than 256 of field inline_frames",
    ],
    ["two tail indexes", repeated(13, EMPTY, 2), "more than 1 of field tail_index"],
    [
      "empty frames inside a segment",
      repeated(10, repeated(5, EMPTY, 60), 1000),
      "field frames: expected at least 26 bytes, got 0",
    ],
    [
      "empty commits inside a tail index",
      repeated(13, repeated(1, EMPTY, 60), 1),
      "field commits: expected at least 13 bytes, got 0",
    ],
    ["nested groups", new Uint8Array(1_000_000).fill(0x0b), "field 1 of its body is a group"],
    ["a field that is no message", Uint8Array.of(10 << 3, 1), "field segments is not a message"],
    ["a length beyond its end", Uint8Array.of((10 << 3) | 2, 127), "its body is not protobuf"],
    ["a field number of zero", Uint8Array.of(0x02, 0), "its body is not protobuf"],
    ["an endless number", new Uint8Array(20).fill(0xff), "its body is not protobuf"],
  ])("%s: refused before it is decoded", (_, body, condition) => {
    const bytes = encodeRecord("commit", body, compute);
    expect(() => decodeCommitRecord(bytes, compute, { objectName })).toThrow(
      `${objectName} is corrupt: ${condition}`,
    );
  });

  test("a million unknown fields are passed over", () => {
    const random = new SeededRandom(3);
    const lsn: Lsn = toLsn(1n);
    const record = randomCommitRecord(random, { lsn, pageSize: toPageSize(512) });
    const bytes = encodeCommitRecord(record, compute);
    const body = bytes.subarray(RECORD.body, bytes.length - RECORD.checksumSize);
    const grown = concatBytes([body, unknownFields(1_000_000)]);
    const read = decodeCommitRecord(encodeRecord("commit", grown, compute), compute, {
      objectName,
    });
    expect(read).toEqual(record);
  });
});

/** Field 100, a number, `count` times: what a later version might add. */
function unknownFields(count: number): Uint8Array {
  const body = new Uint8Array(count * 3);
  for (let at = 0; at < body.length; at += 3) body.set([0xa0, 0x06, 1], at);
  return body;
}
