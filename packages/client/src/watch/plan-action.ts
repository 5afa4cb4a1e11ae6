/** What a plan of streams is told, and what it wants done. */
import type { VolumeId } from "@graft/core";

/** A response that goes on, or one response after the other. */
export type Transfer = "stream" | "poll";

export type PlanAction =
  | {
      readonly kind: "open";
      readonly streamId: number;
      readonly transfer: Transfer;
      readonly volumeIds: readonly VolumeId[];
      readonly heartbeatMs: number;
      readonly waitMs: number;
    }
  | { readonly kind: "close"; readonly streamId: number }
  /** Connections that did not say so are dead. */
  | { readonly kind: "reconnect" }
  /** Everything is told of these from now on. */
  | { readonly kind: "live"; readonly volumeIds: readonly VolumeId[] }
  /** It is not, until they are live again. */
  | { readonly kind: "stale"; readonly volumeIds: readonly VolumeId[] };

/** How a stream was lost. */
export interface Loss {
  /** The server asked to go elsewhere: nothing is wrong, and nothing to wait for. */
  readonly isFarewell?: boolean;
  /** What the server asked to wait, ms. */
  readonly retryAfterMs?: number | undefined;
}
