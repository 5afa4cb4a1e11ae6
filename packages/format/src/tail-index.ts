/**
 * The tail index of a commit: where the newest versions of the pages changed since the checkpoint
 * are, so that head record and checkpoint are the whole map. The commit that carries it comes
 * first and is left out of it: its own fields say what it changed. Valid when
 *
 * 1. its commits descend in LSN, each above the checkpoint's and below the record's;
 * 2. each holds a page; no page is in it twice, nor among the record's own;
 * 3. every page is at most the record's low page count: what is above was dropped;
 * 4. its segment references are valid, and its frames are at most `COMMIT_FRAME_COUNT_MAX`;
 * 5. its shrinks ascend in both fields, above the checkpoint's LSN and up to the record's, at
 *    most 256.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  encodePageSet,
  type Lsn,
  type PageCount,
  type PageSet,
  type PageSize,
  type VolumeId,
} from "@graft/core";
import {
  type TailCommit as TailCommitBody,
  TailCommitSchema,
  type TailIndex as TailIndexBody,
  TailIndexSchema,
} from "@graft/proto-gen/storage";
import type { BodyFields } from "./body-fields.ts";
import type { NestedLimits } from "./body-scan.ts";
import type { PageTally } from "./page-tally.ts";
import type { SegmentRef } from "./segment/segment-ref.ts";
import {
  decodeSegmentRef,
  encodeSegmentRef,
  segmentRefFault,
  segmentRefLimits,
} from "./segment/segment-ref-body.ts";
import { decodeShrink, SHRINKS_LIMITS, type Shrink, shrinkListFault } from "./shrink-list.ts";

/** Where the pages changed since the checkpoint are. */
export interface TailIndex {
  /** Earlier commits with pages that are still the newest, newest first. */
  readonly commits: readonly TailCommit[];
  /** Since the checkpoint, the carrying commit's included. */
  readonly shrinks: readonly Shrink[];
}

/** The pages whose newest version one earlier commit wrote. */
export interface TailCommit {
  readonly lsn: Lsn;
  /** Inside the record at this LSN. Absent: none. */
  readonly inlinePageSet?: PageSet;
  /** In segments. A page set here names only the pages that are still the newest. */
  readonly segments: readonly SegmentRef[];
}

/** The number of the field in a commit body. */
const TAIL_INDEX_FIELD = 13;

/** What a tail index is checked against: the record that carries it. */
export interface TailIndexContext {
  readonly volumeId: VolumeId;
  readonly pageSize: PageSize;
  readonly lsn: Lsn;
  readonly checkpointLsn: Lsn | undefined;
  readonly lowPageCount: PageCount;
}

/**
 * Limits of a field that holds a tail index. An empty one is legal: nothing changed since the
 * checkpoint.
 */
export const TAIL_INDEX_LIMITS: NestedLimits = {
  name: "tail_index",
  countMax: 1,
  sizeMin: 0,
  fields: new Map([
    [
      1,
      {
        name: "commits",
        // Each is at least a tag, a size, an LSN and a page set: what 16 MiB hold.
        countMax: 1 << 20,
        sizeMin: 13,
        fields: new Map([[3, segmentRefLimits(65_536)]]),
      },
    ],
    [2, SHRINKS_LIMITS],
  ]),
};

/**
 * What is wrong with an index, as a sentence; undefined when nothing is.
 *
 * @param tally the record's own pages; the index's are added
 */
export function tailIndexFault(
  index: TailIndex,
  context: TailIndexContext,
  tally: PageTally,
): string | undefined {
  let above = context.lsn - 1n;
  for (const commit of index.commits) {
    const name = `tail index, commit ${commit.lsn}`;
    const floor = context.checkpointLsn ?? 0n;
    if (commit.lsn > above || commit.lsn <= floor) {
      return `${name}: expected an LSN in ${floor + 1n} … ${above}`;
    }
    above = commit.lsn - 1n;
    const fault = tailCommitFault(commit, context, tally);
    if (fault !== undefined) return `${name}: ${fault}`;
  }
  return shrinkListFault(index.shrinks, { after: context.checkpointLsn, last: context.lsn });
}

function tailCommitFault(
  commit: TailCommit,
  context: TailIndexContext,
  tally: PageTally,
): string | undefined {
  if (commit.inlinePageSet === undefined && commit.segments.length === 0) return "it has no page";
  const onlyPage = onlyPageOf(commit);
  if (onlyPage > 0) return tally.addPage(onlyPage, context.lowPageCount);
  const sets = commit.inlinePageSet === undefined ? [] : [commit.inlinePageSet];
  for (const ref of commit.segments) {
    const fault = segmentRefFault(ref, context);
    if (fault !== undefined) return fault;
    sets.push(ref.pageSet);
  }
  for (const set of sets) {
    const fault = tally.add(set, context.lowPageCount);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Of what is kept from index to index they are looked up once. */
const ONLY_PAGES = new WeakMap<TailCommit, number>();

/** The page of a commit that has one, inside its record, as most have; 0 for any other. */
function onlyPageOf(commit: TailCommit): number {
  const known = ONLY_PAGES.get(commit);
  if (known !== undefined) return known;
  const { inlinePageSet, segments } = commit;
  const hasOne = segments.length === 0 && inlinePageSet?.cardinality === 1;
  const page = hasOne ? (inlinePageSet.first ?? 0) : 0;
  ONLY_PAGES.set(commit, page);
  return page;
}

/** From the wire. `tailIndexFault` is still to be asked. @throws GraftError `corrupt` */
export function decodeTailIndex(body: TailIndexBody, fields: BodyFields): TailIndex {
  return {
    commits: body.commits.map((commit) => decodeTailCommit(commit, fields)),
    shrinks: body.shrinks.map((shrink) => decodeShrink(shrink, fields)),
  };
}

function decodeTailCommit(body: TailCommitBody, fields: BodyFields): TailCommit {
  const { inlinePageSet } = body;
  return {
    lsn: fields.lsn(body.lsn),
    ...(inlinePageSet === undefined
      ? {}
      : { inlinePageSet: fields.pageSet(inlinePageSet, "inline page set of the tail index") }),
    segments: body.segments.map((ref) => decodeSegmentRef(ref, fields)),
  };
}

/**
 * The field `tail_index` of a commit body, in pieces: their concatenation is what a protobuf
 * encoder writes. Pieces of commits are made once, however many records carry them; do not write to
 * them.
 */
export function encodeTailIndex(index: TailIndex): readonly Uint8Array[] {
  const commits = index.commits.map(encodeTailCommit);
  // An index without commits, encoded, is its shrinks.
  const shrinks = toBinary(
    TailIndexSchema,
    create(TailIndexSchema, { shrinks: [...index.shrinks] }),
  );
  const size = commits.reduce((sum, commit) => sum + commit.length, shrinks.length);
  const start = new BinaryWriter().tag(TAIL_INDEX_FIELD, WireType.LengthDelimited).uint32(size);
  return [start.finish(), ...commits, shrinks];
}

/** Most commits of an index are those of the index before it: they are encoded once. */
const ENCODED = new WeakMap<TailCommit, Uint8Array>();

function encodeTailCommit(commit: TailCommit): Uint8Array {
  const known = ENCODED.get(commit);
  if (known !== undefined) return known;
  const { lsn, inlinePageSet, segments } = commit;
  const body = create(TailCommitSchema, {
    lsn,
    ...(inlinePageSet === undefined ? {} : { inlinePageSet: encodePageSet(inlinePageSet) }),
    segments: segments.map(encodeSegmentRef),
  });
  // An index of one commit, encoded, is that commit as a field.
  const bytes = toBinary(TailIndexSchema, create(TailIndexSchema, { commits: [body] }));
  ENCODED.set(commit, bytes);
  return bytes;
}
