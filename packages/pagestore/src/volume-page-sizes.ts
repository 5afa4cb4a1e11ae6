import { SizedCache } from "@graft/catalog";
import { type Compute, GraftError, type PageSize, type VolumeId } from "@graft/core";
import { decodeVolumeRecord, volumeKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

/** Volumes remembered at most: at ≈ 150 bytes each, 3 MiB. */
const VOLUME_COUNT_MAX = 20_000;

/** The page sizes of volumes that are written to: looked up once each. */
export class VolumePageSizes {
  readonly #store: ObjectStore;
  readonly #compute: Compute;
  /** "none": the volume had no record when it was looked up; its first commit makes it. */
  readonly #known = new SizedCache<VolumeId, PageSize | "none">(VOLUME_COUNT_MAX);

  constructor(options: { readonly store: ObjectStore; readonly compute: Compute }) {
    this.#store = options.store;
    this.#compute = options.compute;
  }

  /**
   * Lets pages through whose size is the volume's, or whose volume does not exist yet: then a
   * commit will say whether they fit.
   *
   * @throws GraftError `invalid-argument` naming both sizes
   */
  async check(
    volumeId: VolumeId,
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const known = this.#known.get(volumeId) ?? (await this.#read(volumeId, signal));
    this.#known.set(volumeId, known, 1);
    if (known === "none" || known === pageSize) return;
    throw new GraftError(
      "invalid-argument",
      `volume ${volumeId} has pages of ${known} bytes, the request has pages of ${pageSize}: a page ` +
        "size is fixed when the volume is made",
      { details: { volume: volumeId, expected: known, actual: pageSize } },
    );
  }

  async #read(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<PageSize | "none"> {
    const objectName = volumeKey(volumeId);
    const stored = await this.#store.get(objectName, { signal });
    if (stored === undefined) return "none";
    return decodeVolumeRecord(stored.bytes, this.#compute, { objectName, volumeId }).pageSize;
  }
}
