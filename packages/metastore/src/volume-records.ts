import { type Clock, type Compute, GraftError, type PageSize, type VolumeId } from "@graft/core";
import { decodeVolumeRecord, encodeVolumeRecord, volumeKey } from "@graft/format";
import type { ObjectStore } from "@graft/object-store";

/** Makes and reads volume records. */
export class VolumeRecords {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #compute: Compute;

  constructor(options: {
    readonly store: ObjectStore;
    readonly clock: Clock;
    readonly compute: Compute;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#compute = options.compute;
  }

  /**
   * Makes the volume unless it exists with the same page size. Safe to repeat.
   *
   * @throws GraftError `invalid-argument` naming both page sizes when it exists with another one
   */
  async ensure(
    volumeId: VolumeId,
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<"created" | "exists"> {
    const createdMs = Math.max(0, Math.floor(this.#clock.nowMs()));
    const bytes = encodeVolumeRecord({ volumeId, pageSize, createdMs }, this.#compute);
    const outcome = await this.#store.create(volumeKey(volumeId), bytes, { signal });
    if (outcome === "created") return "created";
    const existing = await this.#mustRead(volumeId, signal);
    if (existing === pageSize) return "exists";
    throw otherPageSize(volumeId, existing, pageSize);
  }

  /**
   * For whom may not make it. @throws GraftError `permission-denied`: it does not exist ·
   *   `invalid-argument`: it has other pages
   */
  async mustExist(
    volumeId: VolumeId,
    pageSize: PageSize,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const existing = await this.#read(volumeId, signal);
    if (existing === pageSize) return;
    if (existing !== undefined) throw otherPageSize(volumeId, existing, pageSize);
    throw new GraftError(
      "permission-denied",
      `volume ${volumeId} does not exist yet, and the token gives no right to make it`,
      { details: { volume: volumeId, access: "create" } },
    );
  }

  async #mustRead(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<PageSize> {
    const existing = await this.#read(volumeId, signal);
    if (existing !== undefined) return existing;
    throw new GraftError("unavailable", `${volumeKey(volumeId)} exists and cannot be read`);
  }

  async #read(volumeId: VolumeId, signal: AbortSignal | undefined): Promise<PageSize | undefined> {
    const objectName = volumeKey(volumeId);
    const stored = await this.#store.get(objectName, { signal });
    if (stored === undefined) return undefined;
    return decodeVolumeRecord(stored.bytes, this.#compute, { objectName, volumeId }).pageSize;
  }
}

/** The refusal of a page size that is not the volume's. */
export function otherPageSize(
  volumeId: VolumeId,
  expected: PageSize,
  actual: PageSize,
): GraftError {
  return new GraftError(
    "invalid-argument",
    `volume ${volumeId} has pages of ${expected} bytes, the request has pages of ${actual}: a page ` +
      "size is fixed when the volume is made",
    { details: { volume: volumeId, expected, actual } },
  );
}
