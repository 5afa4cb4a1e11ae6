import {
  corrupt,
  decodeHeadHint,
  HEAD_HINT_SIZE,
  peekRecord,
  type RecordKind,
} from "@graft/format";
import type { ByteSource } from "./byte-source.ts";
import { objectKeyOf } from "./object-name.ts";
import { isDatabase } from "./page/database-header.ts";

/** No object of ours is larger; a file may be. */
const WHOLE_SIZE_MAX = 256 * 1024 * 1024;
const FRONT_SIZE = 100;
const SYNCED_SIZES: readonly number[] = [20, 64];
/** Files of a data directory that processes hold each other off with. */
const LOCK_NAME = /(^|\/)(lock|[a-z0-9-]+\.lock|process-\d+)$/;
const SEGMENT_KIND = 0x53;
const INDEX_KIND = 0x49;
const LOG_KIND = 0x4c;

/** Every format that bytes may have: of an object, or of a file that is only on a disk. */
export type Format =
  | RecordKind
  | "segment"
  | "head"
  | "store-index"
  | "store-log"
  | "store-synced"
  | "lock"
  | "database"
  | "page";

/** Finds out by key, first bytes and size; undefined: nothing of ours. */
export async function formatOf(source: ByteSource): Promise<Format | undefined> {
  const front = await source.read(0, FRONT_SIZE);
  const named = objectKeyOf(source.name)?.kind;
  // A damaged object is still what its key says: its decoder names what is wrong.
  if (named === "checkpoint-blocks") return "checkpoint-block";
  if (named !== undefined) return named;
  if (LOCK_NAME.test(source.name)) return "lock";
  // Its fifth byte counts generations, and may look like the kind of a record.
  const isMark = SYNCED_SIZES.includes(source.size) && /(^|\/)synced$/.test(source.name);
  if (isMark && hasMagic(front)) return "store-synced";
  const record = peekRecord(front);
  if (record !== undefined) return record.kind;
  if (hasMagic(front)) {
    if (front[4] === SEGMENT_KIND) return "segment";
    if (front[4] === INDEX_KIND) return "store-index";
    return front[4] === LOG_KIND ? "store-log" : undefined;
  }
  if (isDatabase(front)) return "database";
  if (front.length === HEAD_HINT_SIZE && decodeHeadHint(front) !== undefined) return "head";
  const isPageSize =
    source.size >= 512 && source.size <= 65_536 && Number.isInteger(Math.log2(source.size));
  return isPageSize ? "page" : undefined;
}

function hasMagic(front: Uint8Array): boolean {
  return [0x47, 0x52, 0x46, 0x54].every((byte, at) => front[at] === byte);
}

/** All bytes of an object. @throws GraftError `corrupt`: larger than any object of ours */
export async function readObject(source: ByteSource): Promise<Uint8Array> {
  if (source.size > WHOLE_SIZE_MAX) {
    throw corrupt(source.name, `expected at most ${WHOLE_SIZE_MAX} bytes, got ${source.size}`);
  }
  return source.read(0, source.size);
}
