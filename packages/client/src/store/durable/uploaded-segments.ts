/**
 * Segments of a prepared push, both directions (docs/formats/local-store.md, "Log").
 *
 * ```
 * number u32 · per segment: segment id 16 · size u32 (0 = not known) · page set
 * ```
 */
import {
  type ByteReader,
  BytesError,
  type ByteWriter,
  GID_SIZE,
  gidBytes,
  SEGMENT_SIZE_MAX,
  toSegmentId,
} from "@graft/core";
import type { UploadedSegment } from "../../remote/remote.ts";
import { readPageSet, writePageSet } from "./change-fields.ts";

export function writeSegments(writer: ByteWriter, segments: readonly UploadedSegment[]): void {
  writer.u32le(segments.length);
  for (const segment of segments) {
    writer.bytes(gidBytes(segment.segmentId)).u32le(segment.sizeBytes ?? 0);
    writePageSet(writer, segment.pageSet);
  }
}

/** @throws BytesError or GraftError when the bytes are no segments */
export function readSegments(reader: ByteReader): readonly UploadedSegment[] {
  const count = reader.u32le();
  const segments: UploadedSegment[] = [];
  for (let at = 0; at < count; at++) {
    const segmentId = toSegmentId(reader.bytes(GID_SIZE));
    const size = reader.u32le();
    if (size > SEGMENT_SIZE_MAX) throw new BytesError(`a segment of ${size} bytes`, reader.offset);
    const pageSet = readPageSet(reader);
    segments.push({ segmentId, pageSet, ...(size === 0 ? {} : { sizeBytes: size }) });
  }
  return segments;
}
