import { GraftError, type PageSize, toPageSize, type VolumeId } from "@graft/core";

/**
 * The page size a page tells: the known one, or, in a store that has none yet, its own length.
 *
 * @throws GraftError `invalid-argument`
 */
export function pageSizeOf(data: Uint8Array, known: PageSize | undefined): PageSize {
  if (known === undefined) return toPageSize(data.length);
  if (data.length === known) return known;
  throw new GraftError(
    "invalid-argument",
    `a page has ${data.length} bytes: expected the volume's page size, ${known}`,
  );
}

/** The page size of a remote snapshot, which must be the known one. @throws as `pageSizeOf` */
export function agreedPageSize(
  volumeId: VolumeId,
  known: PageSize | undefined,
  remote: PageSize,
): PageSize {
  if (known === undefined || known === remote) return remote;
  throw new GraftError(
    "invalid-argument",
    `volume ${volumeId} has pages of ${remote} bytes on the server, and of ${known} here: use ` +
      "another data directory",
  );
}
