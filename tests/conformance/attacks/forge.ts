/** Objects as an enemy with the keys of the bucket would write them: every checksum is right. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { concatBytes, encodePageSet, MutablePageSet, toLsn, type VolumeId } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { logKey } from "@graft/format";
import { reseal } from "@graft/format/testing";
import type { ObjectStore } from "@graft/object-store";
import { CommitBodySchema } from "@graft/proto-gen/storage";

const HEADER_SIZE = 10;
const CHECKSUM_SIZE = 8;

/** docs/formats/record.md */
export const RECORD_CODES = { volume: 1, commit: 2, footer: 3, root: 4, block: 5 } as const;

/** A record around any body, its size and checksum right. */
export function seal(code: number, body: Uint8Array): Uint8Array {
  const header = Uint8Array.of(0x47, 0x52, 0x46, 0x54, code, 1, 0, 0, 0, 0);
  return reseal(concatBytes([header, body, new Uint8Array(CHECKSUM_SIZE)]), compute);
}

/** The body of a stored record, as a message. */
export function bodyOf<Desc extends DescMessage>(
  schema: Desc,
  record: Uint8Array,
): MessageShape<Desc> {
  return fromBinary(schema, record.subarray(HEADER_SIZE, record.length - CHECKSUM_SIZE));
}

/** A record with this content, legal or not. */
export function forge<Desc extends DescMessage>(
  code: number,
  schema: Desc,
  content: MessageInitShape<Desc>,
): Uint8Array {
  return seal(code, toBinary(schema, create(schema, content)));
}

/** A segment with any footer: header, frames, footer record, trailer. */
export function forgeSegment(
  frames: Uint8Array,
  footer: Uint8Array,
  footerSize: number = footer.length,
): Uint8Array {
  const header = Uint8Array.of(0x47, 0x52, 0x46, 0x54, 0x53, 1, 0, 0);
  const trailer = new Uint8Array(8);
  new DataView(trailer.buffer).setUint32(0, footerSize);
  trailer.set([0x54, 0x46, 0x52, 0x47], 4);
  return concatBytes([header, frames, footer, trailer]);
}

/** Rewrites a stored commit in place. */
export async function forgeCommit(
  store: ObjectStore,
  at: { readonly volumeId: VolumeId; readonly lsn: bigint },
  change: (body: MessageShape<typeof CommitBodySchema>) => void,
): Promise<void> {
  const key = logKey(at.volumeId, toLsn(at.lsn));
  const stored = await store.get(key);
  if (stored === undefined) throw new Error(`there is no ${key}`);
  const body = bodyOf(CommitBodySchema, stored.bytes);
  change(body);
  await store.put(key, seal(RECORD_CODES.commit, toBinary(CommitBodySchema, body)));
}

/** A page set in its wire form. */
export function pages(...ranges: readonly (number | readonly [number, number])[]): Uint8Array {
  const set = new MutablePageSet();
  for (const range of ranges) {
    const [first, last] = typeof range === "number" ? [range, range] : range;
    set.insertRange(first, last);
  }
  return encodePageSet(set);
}
