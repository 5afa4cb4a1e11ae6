import { GraftError, PAGE_SIZE_DEFAULT, type Snapshot } from "@graft/core";

/**
 * v0.1 knows one page size. @throws GraftError `invalid-argument` when the volume has another
 */
export function mustFitRaw({ volumeId, pageSize }: Snapshot): void {
  if (pageSize === PAGE_SIZE_DEFAULT) return;
  throw new GraftError(
    "invalid-argument",
    `volume ${volumeId} has pages of ${pageSize} bytes, this route serves pages of ` +
      `${PAGE_SIZE_DEFAULT}: use a client of this version`,
  );
}
