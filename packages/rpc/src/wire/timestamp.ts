import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";

/** Ms since 1970; 0 when absent. */
export function toTimestampMs(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : timestampMs(timestamp);
}

export function fromTimestampMs(ms: number): Timestamp {
  return timestampFromMs(ms);
}
