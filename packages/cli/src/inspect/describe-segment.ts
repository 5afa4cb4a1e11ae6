import { type Compute, gidTimestampMs } from "@graft/core";
import {
  corrupt,
  type FrameEntry,
  frameOf,
  framePageSet,
  readSegmentTail,
  type SegmentFooter,
  segmentRefOf,
} from "@graft/format";
import type { Facts, Inspection } from "./facts.ts";
import { frameFault } from "./frame-fault.ts";

/** A whole segment, without its commit. @throws GraftError `corrupt`: its footer is damaged */
export async function describeSegment(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
): Promise<Inspection> {
  const footer = segmentFooterOf(bytes, objectName, compute);
  const frames: Facts[] = [];
  for (const [at, entry] of footer.frames.entries()) {
    frames.push({ frame: at, ...(await segmentFrameFacts(bytes, footer, entry, compute)) });
  }
  const facts: Facts = {
    volume: footer.volumeId,
    segment: footer.segmentId,
    size: footer.size,
    created: new Date(gidTimestampMs(footer.segmentId)).toISOString(),
    pageSize: footer.pageSize,
    pageCount: footer.pageSet.cardinality,
    pages: footer.pageSet,
    header: headerText(bytes),
    frames,
  };
  return { kind: "segment", facts, bytes };
}

/** @throws GraftError `corrupt` */
export function segmentFooterOf(
  bytes: Uint8Array,
  objectName: string,
  compute: Compute,
): SegmentFooter {
  const tail = readSegmentTail(bytes, { objectName, size: bytes.length }, compute);
  if (tail.kind === "more") throw corrupt(objectName, "it is too short for its footer");
  return tail.footer;
}

/** One frame of a segment. */
export async function segmentFrameFacts(
  bytes: Uint8Array,
  footer: SegmentFooter,
  entry: FrameEntry,
  compute: Compute,
): Promise<Facts> {
  const ref = segmentRefOf(footer);
  const data = bytes.subarray(entry.offset, entry.offset + entry.size);
  const frame = frameOf(ref, entry, data, footer.segmentId);
  const { firstPage, lastPage, offset, size, codec, hash } = entry;
  const pageCount = framePageSet(ref, entry).cardinality;
  const content = (await frameFault(frame, footer, compute)) ?? "verified";
  return { firstPage, lastPage, pageCount, offset, size, codec, hash, content };
}

function headerText(bytes: Uint8Array): string {
  const isOurs = [0x47, 0x52, 0x46, 0x54, 0x53, 1, 0, 0].every((byte, at) => bytes[at] === byte);
  return isOurs ? "GRFT S, version 1" : "damaged: expected 47524654 53 01 0000";
}
