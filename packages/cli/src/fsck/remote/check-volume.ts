/**
 * Walks everything a volume is in an object store:
 *
 * ```
 * LIST ─ volume record
 *   ─ log, from its first record: checksum, parent hash, segments, frames, page map
 *       ─ at each checkpoint's LSN: root, blocks, their map against the log
 *   ─ head ─ what nobody names
 * ```
 *
 * The log is folded forward, so that every page of every retained snapshot is looked for once.
 * Memory: the listing of segments, 8 bytes a page, 8 more for one that a record carries inline,
 * footers within a limit, 4 records.
 */
import {
  encodeHex,
  equalBytes,
  isGraftError,
  type Lsn,
  mapConcurrent,
  mapOrdered,
  type PageSet,
  toLsn,
  type VolumeId,
} from "@graft/core";
import {
  type CommitRecord,
  checkpointBlocksKey,
  checkpointRootKey,
  commitRecordHash,
  decodeCommitRecord,
  decodeVolumeRecord,
  logKey,
  segmentKey,
  type VolumeRecord,
  volumeKey,
} from "@graft/format";
import { conditionOf } from "../../inspect/condition-of.ts";
import { CheckContext, type CheckMeans } from "./check-context.ts";
import { checkHead } from "./check-head.ts";
import { CheckpointChecker } from "./checkpoint-checker.ts";
import { InlineDigests } from "./inline-digests.ts";
import { FoldedLog, tailIndexFault } from "./map-check.ts";
import { SegmentChecker } from "./segment-checker.ts";
import { listVolume, type VolumeListing } from "./volume-listing.ts";

/** Records read ahead: at most 64 MiB. */
const RECORDS_AHEAD = 4;
/** Segments of one record that are read at once: at most 96 MiB, and as much of their pages. */
const SEGMENTS_AT_ONCE = 3;

/** What was looked at. */
export interface VolumeSummary {
  readonly volume: VolumeId;
  readonly firstLsn: Lsn | undefined;
  readonly headLsn: Lsn | undefined;
  readonly commits: number;
  readonly pageSize: number | undefined;
  /** Pages that exist at the head; undefined: the log is not whole. */
  readonly pages: number | undefined;
  readonly segments: number;
  readonly checkpoints: number;
  /** Segments that nothing names. */
  readonly orphans: number;
}

/** Checks one volume; what is wrong goes to `means.report`. Throws only what is no finding. */
export async function checkVolume(
  volumeId: VolumeId,
  means: CheckMeans,
  onListed: (listing: VolumeListing) => void = () => undefined,
): Promise<VolumeSummary> {
  const context = new CheckContext(volumeId, means);
  const listing = await listVolume(means.store, volumeId, means.signal);
  onListed(listing);
  return new VolumeChecker(context, listing).run();
}

/** A record that was visited. */
interface Visited {
  readonly lsn: Lsn;
  /** Undefined when it is damaged: its hash says nothing then. */
  readonly hash: Uint8Array | undefined;
  /** Undefined when it is damaged, or when a checkpoint stands for it. */
  readonly record: CommitRecord | undefined;
}

class VolumeChecker {
  readonly #context: CheckContext;
  readonly #listing: VolumeListing;
  readonly #log = new FoldedLog();
  readonly #segments: SegmentChecker;
  readonly #inline: InlineDigests;
  readonly #checkpoints: CheckpointChecker;
  readonly #roots: ReadonlySet<Lsn>;
  #volume: VolumeRecord | undefined;
  #previous: Visited | undefined;

  constructor(context: CheckContext, listing: VolumeListing) {
    this.#context = context;
    this.#listing = listing;
    this.#roots = new Set(listing.roots);
    this.#segments = new SegmentChecker(context, listing.segments);
    this.#inline = new InlineDigests(context.compute);
    const parts = { context, segments: this.#segments, log: this.#log, inline: this.#inline };
    this.#checkpoints = new CheckpointChecker({ ...parts, blockObjects: listing.blocks });
  }

  async run(): Promise<VolumeSummary> {
    const { lsns } = this.#listing;
    this.#volume = await this.#checkVolumeRecord();
    await this.#startLog();
    const options = { concurrency: RECORDS_AHEAD, signal: this.#context.signal };
    const records = mapOrdered(eachOf(lsns), options, (lsn) => this.#fetch(lsn));
    for await (const { lsn, bytes } of records) await this.#visit(lsn, bytes);
    await this.#checkRootsBeyond();
    const headLsn = lsns.last === undefined ? undefined : lsnOf(lsns.last);
    await checkHead(this.#context, this.#listing, headLsn);
    const orphans = this.#noteOrphans();
    return {
      volume: this.#context.volumeId,
      firstLsn: lsns.first === undefined ? undefined : lsnOf(lsns.first),
      headLsn,
      commits: lsns.cardinality,
      pageSize: this.#volume?.pageSize ?? this.#previous?.record?.pageSize,
      pages: this.#log.isComplete ? this.#log.owners.count : undefined,
      segments: this.#segments.count,
      checkpoints: this.#listing.roots.length,
      orphans,
    };
  }

  async #checkVolumeRecord(): Promise<VolumeRecord | undefined> {
    const { volumeId, compute } = this.#context;
    const key = volumeKey(volumeId);
    const bytes = (await this.#context.get(key))?.bytes;
    if (bytes === undefined) {
      this.#context.damage(key, "missing: a volume begins with its record");
      return undefined;
    }
    try {
      return decodeVolumeRecord(bytes, compute, { objectName: key, volumeId });
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      this.#context.damage(key, conditionOf(error));
      return undefined;
    }
  }

  /** The log begins at 1, or where a checkpoint takes its place. */
  async #startLog(): Promise<void> {
    const { lsns, farLsns, roots } = this.#listing;
    const { volumeId } = this.#context;
    for (const lsn of farLsns) {
      this.#context.damage(logKey(volumeId, lsn), "it lies beyond the log, which has no gap");
    }
    const first = lsns.first ?? 1;
    // What a fork has from its parent is in no log of its own.
    if (this.#volume?.parent !== undefined) this.#log.isComplete = false;
    if (first === 1) return;
    this.#log.isComplete = false;
    const below = roots.filter((lsn) => lsn < first);
    for (const lsn of below) {
      // Between two of them nothing is known: each stands alone.
      this.#log.isComplete = false;
      const root = await this.#checkpoints.check(lsn, undefined);
      this.#previous = root && { lsn, hash: root.recordHash, record: undefined };
    }
    if (this.#previous?.lsn !== lsnOf(first - 1)) {
      this.#previous = undefined;
      this.#log.isComplete = false;
    }
    if (this.#volume?.parent?.lsn === lsnOf(first - 1) || this.#roots.has(lsnOf(first))) return;
    if (below.at(-1) === lsnOf(first - 1)) return;
    const missing = first === 2 ? "LSN 1 is" : `LSNs 1 … ${first - 1} are`;
    this.#context.damage(
      logKey(volumeId, lsnOf(first - 1)),
      `missing: ${missing} not there, and no checkpoint at LSN ${first - 1} or ${first} stands for them`,
    );
  }

  async #fetch(lsn: Lsn): Promise<{ readonly lsn: Lsn; readonly bytes: Uint8Array | undefined }> {
    const stored = await this.#context.get(logKey(this.#context.volumeId, lsn));
    return { lsn, bytes: stored?.bytes };
  }

  async #visit(lsn: Lsn, bytes: Uint8Array | undefined): Promise<void> {
    const { compute, volumeId } = this.#context;
    const key = logKey(volumeId, lsn);
    if (bytes === undefined) {
      this.#context.damage(key, "listed, and then not there");
      return;
    }
    this.#checkGap(lsn);
    const record = this.#decode(key, bytes, lsn);
    const hash = record && commitRecordHash(bytes, compute);
    if (record === undefined) this.#log.isComplete = false;
    else await this.#checkRecord(key, record);
    this.#previous = { lsn, hash, record };
    if (this.#roots.has(lsn)) await this.#checkpoints.check(lsn, this.#previous);
  }

  #checkGap(lsn: Lsn): void {
    const previous = this.#previous?.lsn;
    if (previous === undefined || lsn === previous + 1n) return;
    const missing = toLsn(previous + 1n);
    const last = lsn - 1n;
    const which = last === missing ? "" : `, and so are all up to LSN ${last}`;
    const what = `missing${which}: the log goes on at LSN ${lsn}`;
    this.#context.damage(logKey(this.#context.volumeId, missing), what);
    this.#log.isComplete = false;
  }

  #decode(key: string, bytes: Uint8Array, lsn: Lsn): CommitRecord | undefined {
    const { compute, volumeId } = this.#context;
    try {
      return decodeCommitRecord(bytes, compute, { objectName: key, volumeId, lsn });
    } catch (error) {
      if (!isGraftError(error, "corrupt")) throw error;
      this.#context.damage(key, conditionOf(error));
      return undefined;
    }
  }

  async #checkRecord(key: string, record: CommitRecord): Promise<void> {
    for (const fault of this.#chainFaults(record)) this.#context.damage(key, fault);
    const reference = this.#checkpoints.referenceFault(record);
    if (reference !== undefined) this.#context.damage(key, reference);
    await this.#checkInlineFrames(key, record);
    const { signal } = this.#context;
    // A record names a segment once: none is read twice at the same time.
    await mapConcurrent(record.segments, { concurrency: SEGMENTS_AT_ONCE, signal }, (ref) =>
      this.#segments.check({ ref, namedBy: key }),
    );
    for (const ref of record.tailIndex?.commits.flatMap(({ segments }) => segments) ?? []) {
      await this.#segments.check({ ref, namedBy: key });
    }
    this.#log.apply(record);
    const fault = tailIndexFault(record, this.#log);
    if (fault !== undefined) this.#context.damage(key, fault);
  }

  *#chainFaults(record: CommitRecord): Generator<string> {
    const previous = this.#previous;
    const pageSize = this.#volume?.pageSize;
    if (pageSize !== undefined && record.pageSize !== pageSize) {
      yield `expected page size ${pageSize}, as the volume record has, got ${record.pageSize}`;
    }
    if (previous === undefined || previous.lsn + 1n !== record.lsn) return;
    const { hash } = previous;
    if (hash !== undefined && !equalBytes(record.parentHash ?? new Uint8Array(), hash)) {
      const actual = shortHash(record.parentHash ?? new Uint8Array());
      const expected = `the record at LSN ${previous.lsn} has ${shortHash(hash)}`;
      yield `its parent hash is ${actual}, ${expected}: one of the two was replaced`;
    }
    const lateMs = (previous.record?.timestampMs ?? 0) - record.timestampMs;
    if (lateMs > 0) yield `its time is ${lateMs} ms before its parent's`;
  }

  async #checkInlineFrames(key: string, record: CommitRecord): Promise<void> {
    if (this.#context.isQuick) return;
    for (const { pageSet } of record.segments) this.#inline.forget(pageSet);
    for (const frame of record.inlineFrames) {
      const fault = await this.#inline.take(frame, record);
      if (fault !== undefined) this.#context.damage(key, `inline: ${fault}`);
    }
  }

  async #checkRootsBeyond(): Promise<void> {
    const last = BigInt(this.#listing.lsns.last ?? 0);
    for (const lsn of this.#listing.roots.filter((one) => one > last)) {
      const key = checkpointRootKey(this.#context.volumeId, lsn);
      this.#context.damage(key, `it is above the head, LSN ${last}`);
    }
  }

  /** Legal leftovers: uploads without a commit, blocks of a checkpointer that lost or died. */
  #noteOrphans(): number {
    const { volumeId } = this.#context;
    let orphans = 0;
    for (const [segmentId, size] of this.#listing.segments) {
      if (this.#segments.named.has(segmentId)) continue;
      orphans++;
      const why = "orphan: no commit and no checkpoint names it; a push may be under way";
      this.#context.note(segmentKey(volumeId, segmentId), `${why} (${size} bytes)`);
    }
    for (const [name, size] of this.#listing.blocks) {
      if (this.#checkpoints.named.has(name)) continue;
      const key = checkpointBlocksKey(volumeId, name);
      this.#context.note(key, `orphan: no checkpoint names it (${size} bytes)`);
    }
    for (const key of this.#listing.strange) this.#context.note(key, "no object of ours");
    return orphans;
  }
}

function* eachOf(lsns: PageSet): Generator<Lsn> {
  for (const lsn of lsns) yield lsnOf(lsn);
}

function lsnOf(lsn: number): Lsn {
  return toLsn(BigInt(lsn));
}

function shortHash(hash: Uint8Array): string {
  return `${encodeHex(hash.subarray(0, 8))}…`;
}
