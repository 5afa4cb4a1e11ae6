import type { VolumeId } from "@graft/core";
import type { Transfer } from "./plan-action.ts";

/** A stream that is open, as its plan sees it. */
export interface PlannedStream {
  readonly id: number;
  readonly transfer: Transfer;
  readonly volumeIds: Set<VolumeId>;
  readonly openedMs: number;
  readonly silenceMaxMs: number;
  /** Of `volumeIds`, how many somebody wants. */
  wantedCount: number;
  heardMs: number;
  liveMs: number | undefined;
  outlivedMs: number;
  hasRival: boolean;
}

/** Whether it is a stream that was not heard of yet, and nothing was done about it. */
export function awaitsAnswer(stream: PlannedStream): boolean {
  return stream.transfer === "stream" && stream.liveMs === undefined && !stream.hasRival;
}

/** Something came. */
export function hear(stream: PlannedStream, nowMs: number): void {
  stream.outlivedMs = Math.max(stream.outlivedMs, nowMs - stream.heardMs);
  stream.heardMs = nowMs;
}
