/**
 * Where free slots come from: those nobody uses any more, else new ones at the end of the file
 * (reservations.ts). They are reserved many at a time, with one record that need not be durable:
 * when it is lost, so is everybody who knew of it.
 */
import { encodeChange } from "./change-codec.ts";
import { SLOT_COUNT_MAX } from "./location.ts";
import { CHANGE_KINDS, type Extent, type ReserveChange } from "./log-change.ts";
import { extentsOf } from "./reservations.ts";
import type { StoreShare } from "./store-share.ts";

/** Slots reserved at once: an eighth of the pages, within these. */
const RESERVE_COUNT_MIN = 16;
const RESERVE_COUNT_MAX = 4096;
/** Slots that seem to be free before they are looked for: the search walks the whole table. */
const SEARCH_COUNT_MIN = 16;
const SEARCH_SHARE = 16;

export class SlotSupply {
  readonly #share: StoreShare;
  readonly #flush: () => void;
  readonly #mustTakeRecords: () => void;
  /** While a generation is begun its slots need no record: it names them itself. */
  #isSilent = false;
  /** Slots without a page that the last search did not find. */
  #hiddenCount = 0;

  constructor(share: StoreShare, hooks: { flush: () => void; mustTakeRecords: () => void }) {
    this.#share = share;
    this.#flush = hooks.flush;
    this.#mustTakeRecords = hooks.mustTakeRecords;
    share.disk.pages.slots.refill = () => this.refill();
  }

  /** Waits for the log. @throws GraftError `io`, `busy` */
  refill(): void {
    if (this.#isSilent) this.#grow(RESERVE_COUNT_MIN);
    else this.#share.exclusively(() => this.#refill(this.#count()));
  }

  /** False when another process holds the log. @throws GraftError `io` */
  tryRefill(): boolean {
    if (this.#share.disk.pages.slots.freeCount > 0) return true;
    return this.#share.tryExclusively(() => this.#refill(this.#count())) !== undefined;
  }

  /** Reserves everything that nobody uses: for a page file that is to become shorter. */
  reclaimAll(): void {
    this.#hiddenCount = 0;
    this.#reserve(this.#takeFree(Number.POSITIVE_INFINITY));
  }

  /** Runs `work`, in which slots are taken without a record. When it throws, they are nobody's. */
  silently(work: () => void): void {
    const { slots } = this.#share.disk.pages;
    const first = slots.count;
    this.#isSilent = true;
    try {
      work();
    } catch (error) {
      for (let slot = first; slot < slots.count; slot++) slots.disown(slot);
      throw error;
    } finally {
      this.#isSilent = false;
    }
  }

  /** What a new generation must say of reservations. */
  *reserved(): Generator<ReserveChange> {
    const { processes, reservations, disk } = this.#share;
    yield* reservations.living((opener) => processes.mayLive(opener));
    const extents = extentsOf(disk.pages.slots.givenOut());
    if (extents.length > 0) yield { kind: "reserve", opener: processes.opener, extents };
  }

  #count(): number {
    const share = Math.floor(this.#share.disk.replica.history.storedCount / 8);
    return Math.min(RESERVE_COUNT_MAX, Math.max(RESERVE_COUNT_MIN, share));
  }

  #refill(count: number): true {
    this.#mustTakeRecords();
    const extents = this.#takeFree(count);
    if (extents.length > 0) this.#reserve(extents);
    else this.#reserve(this.#newExtents(count));
    return true;
  }

  #reserve(extents: readonly Extent[]): void {
    if (extents.length === 0) return;
    const { disk, processes } = this.#share;
    const change = { kind: "reserve", opener: processes.opener, extents } as const;
    disk.log.writing(() => disk.log.append(CHANGE_KINDS.reserve, encodeChange(change)));
    for (const { first, count } of extents) disk.pages.slots.reserve(first, count);
  }

  #grow(count: number): void {
    const { slots } = this.#share.disk.pages;
    for (const extent of this.#newExtents(count)) slots.reserve(extent.first, extent.count);
  }

  #newExtents(count: number): Extent[] {
    const first = this.#share.disk.pages.slots.count;
    const most = Math.min(count, SLOT_COUNT_MAX - first);
    return most > 0 ? [{ first, count: most }] : [];
  }

  /** Slots that nobody uses or can read; none when there are few, or some reader is late. */
  #takeFree(count: number): Extent[] {
    const { disk, processes, reservations, staleReplicas } = this.#share;
    // Their pages are in no chain that is searched.
    if (staleReplicas.length > 0) return [];
    const unused = disk.pages.slots.count - disk.replica.history.storedCount;
    const { candidateCount } = reservations;
    const searchCount = Math.max(SEARCH_COUNT_MIN, disk.pages.slots.count / SEARCH_SHARE);
    if (candidateCount < count && unused - candidateCount - this.#hiddenCount >= searchCount) {
      const position = this.#share.position;
      reservations.findCandidates(disk, position, (opener) => processes.mayLive(opener));
      this.#hiddenCount = Math.max(0, unused - reservations.candidateCount);
    }
    if (reservations.candidateCount === 0) return [];
    if (processes.oldestRead() < reservations.candidatesPosition) return [];
    if (this.#share.durablePosition < reservations.candidatesPosition) this.#flush();
    return reservations.takeCandidates(count);
  }
}
