import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type CommitId,
  commitIdBytes,
  GraftError,
  type GraftErrorCode,
  gidBytes,
  isGraftErrorCode,
  type Lsn,
  type PageSet,
  type Snapshot,
  toCommitId,
  toVolumeId,
  unreachable,
  type VolumeId,
  WATCH_VOLUME_COUNT_MAX,
} from "@graft/core";
import {
  type WatchNews as WatchNewsMessage,
  WatchNewsSchema,
  type WatchRequest as WatchRequestMessage,
  WatchRequestSchema,
  type WatchResponse as WatchResponseMessage,
  WatchResponseSchema,
} from "@graft/proto-gen/metastore";
import { fromFrame, toFrame, type WireFrame } from "./frame.ts";
import { toOptionalLsn } from "./ids.ts";
import { fromPageSet, toPageSet } from "./page-set.ts";
import { present, readAnswer } from "./present.ts";
import { fromSnapshot, toSnapshot } from "./snapshot.ts";

/** Ms between heartbeats: default and bounds. */
export const WATCH_HEARTBEAT_MS: {
  readonly min: number;
  readonly max: number;
  readonly default: number;
} = {
  min: 1000,
  max: 60_000,
  default: 15_000,
};

/** Ms that a long-poll waits for news at the very most. */
export const WATCH_WAIT_MS_MAX = 60_000;

export interface WatchRequest {
  readonly volumes: readonly { readonly volumeId: VolumeId; readonly lsn?: Lsn }[];
  readonly heartbeatMs: number;
  /** Leave inline pages out of the events. */
  readonly omitPages: boolean;
  /**
   * Long-poll: end with a heartbeat after the first news, or when there was none for so long, 1 …
   * 60 000 ms. Absent: a stream that goes on.
   */
  readonly waitMs?: number;
}

/** Commits (fromLsn, snapshot.lsn], folded into one. */
export interface WatchNews {
  readonly kind: "news";
  /** Absent: from nothing. Apply it only when this is exactly the LSN you have. */
  readonly fromLsn?: Lsn;
  readonly snapshot: Snapshot;
  readonly pageSet: PageSet;
  readonly commitIds: readonly CommitId[];
  /** The changed pages, when they are small; may be empty for any reason. */
  readonly inlineFrames: readonly WireFrame[];
}

export type WatchEvent =
  | { readonly kind: "heartbeat"; readonly draining: boolean }
  | WatchNews
  | { readonly kind: "resync"; readonly volumeId: VolumeId }
  | {
      readonly kind: "end";
      readonly volumeId: VolumeId;
      readonly code: GraftErrorCode;
      readonly message: string;
    };

/**
 * @throws GraftError `invalid-argument`: too many volumes, one twice, a time out of bounds
 */
export function toWatchRequest(message: WatchRequestMessage): WatchRequest {
  if (message.volumes.length > WATCH_VOLUME_COUNT_MAX) {
    throw new GraftError(
      "invalid-argument",
      `watch of ${message.volumes.length} volumes: expected at most ${WATCH_VOLUME_COUNT_MAX} a stream`,
    );
  }
  const volumes = message.volumes.map((volume) =>
    present({ volumeId: toVolumeId(volume.vid), lsn: toOptionalLsn(volume.lsn) }),
  );
  if (new Set(volumes.map((volume) => volume.volumeId)).size < volumes.length) {
    throw new GraftError("invalid-argument", "watch names a volume twice: expected each once");
  }
  const { omitPages } = message;
  const heartbeatMs = toHeartbeatMs(message.heartbeatMs);
  return { volumes, heartbeatMs, omitPages, ...toWait(message.waitMs) };
}

export function fromWatchRequest(request: WatchRequest): WatchRequestMessage {
  return create(WatchRequestSchema, {
    volumes: request.volumes.map(({ volumeId, lsn }) => ({ vid: gidBytes(volumeId), lsn })),
    heartbeatMs: request.heartbeatMs,
    omitPages: request.omitPages,
    waitMs: request.waitMs ?? 0,
  });
}

/** Undefined for an event of a newer server. @throws GraftError `internal` when malformed */
export function toWatchEvent(message: WatchResponseMessage): WatchEvent | undefined {
  return readAnswer("Watch", () => {
    const { event } = message;
    switch (event.case) {
      case "heartbeat":
        return { kind: "heartbeat", draining: event.value.draining };
      case "news":
        return toWatchNews(event.value);
      case "resync":
        return { kind: "resync", volumeId: toVolumeId(event.value.vid) };
      case "end": {
        const { vid, code, message: text } = event.value;
        const known = isGraftErrorCode(code) ? code : "unavailable";
        return { kind: "end", volumeId: toVolumeId(vid), code: known, message: text };
      }
      default:
        return undefined;
    }
  });
}

export function fromWatchEvent(event: WatchEvent): WatchResponseMessage {
  switch (event.kind) {
    case "heartbeat":
      return response({ case: "heartbeat", value: { draining: event.draining } });
    case "news":
      return response({ case: "news", value: fromWatchNews(event) });
    case "resync":
      return response({ case: "resync", value: { vid: gidBytes(event.volumeId) } });
    case "end": {
      const { volumeId, code, message } = event;
      return response({ case: "end", value: { vid: gidBytes(volumeId), code, message } });
    }
    default:
      return unreachable(event);
  }
}

type EventInit = NonNullable<MessageInitShape<typeof WatchResponseSchema>["event"]>;

function response(event: EventInit): WatchResponseMessage {
  return create(WatchResponseSchema, { event });
}

function toWatchNews(news: WatchNewsMessage): WatchNews {
  return present({
    kind: "news" as const,
    fromLsn: toOptionalLsn(news.fromLsn),
    snapshot: toSnapshot(news.snapshot),
    pageSet: toPageSet(news.graft),
    commitIds: news.commitIds.map(toCommitId),
    inlineFrames: news.inlineFrames.map(toFrame),
  });
}

function fromWatchNews(news: WatchNews): WatchNewsMessage {
  return create(WatchNewsSchema, {
    fromLsn: news.fromLsn,
    snapshot: fromSnapshot(news.snapshot),
    graft: fromPageSet(news.pageSet),
    commitIds: news.commitIds.map(commitIdBytes),
    inlineFrames: news.inlineFrames.map(fromFrame),
  });
}

function toHeartbeatMs(ms: number): number {
  if (ms === 0) return WATCH_HEARTBEAT_MS.default;
  if (ms < WATCH_HEARTBEAT_MS.min || ms > WATCH_HEARTBEAT_MS.max) {
    throw new GraftError(
      "invalid-argument",
      `invalid heartbeat of ${ms} ms: expected ${WATCH_HEARTBEAT_MS.min} … ${WATCH_HEARTBEAT_MS.max}`,
    );
  }
  return ms;
}

function toWait(ms: number): Pick<WatchRequest, "waitMs"> {
  if (ms === 0) return {};
  if (ms <= WATCH_WAIT_MS_MAX) return { waitMs: ms };
  const expected = `expected at most ${WATCH_WAIT_MS_MAX}`;
  throw new GraftError("invalid-argument", `invalid wait of ${ms} ms: ${expected}`);
}
