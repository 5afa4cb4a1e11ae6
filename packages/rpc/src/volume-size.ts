import { GraftError, type VolumeId } from "@graft/core";
import { nothingWritten } from "./error-mapping.ts";

/** What somebody wants a volume to hold. */
export interface VolumeSize {
  readonly volumeId: VolumeId;
  /** Bytes of its pages up to the last one. */
  readonly sizeBytes: number;
  /** What a server lets a volume hold, bytes. */
  readonly limitBytes: number;
}

/** What a server answers to whoever would make a volume larger than it may be. */
export function volumeTooLarge({ volumeId, sizeBytes, limitBytes }: VolumeSize): GraftError {
  const details = { volume: volumeId, limit: "volume-bytes", limitBytes, sizeBytes };
  return new GraftError(
    "resource-exhausted",
    `volume ${volumeId} would have ${sizeBytes} bytes of pages: this server lets a volume have ` +
      `${limitBytes}; delete something and VACUUM, or ask who runs it for more`,
    { details: { ...details, ...nothingWritten } },
  );
}
