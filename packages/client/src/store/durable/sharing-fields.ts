/**
 * What processes tell each other in the log, both directions (docs/formats/local-store.md, "Log").
 *
 * ```
 * reserve    opener u32 · number of extents u32 · per extent: first slot u32, count u32
 * continue   generation u32 · size u64 · sequence u32 · checksum u32 · number of pages u32 ·
 *            per page: index u32, slot u32 (0xfffffffe = lost), version u64
 * ```
 */
import { type ByteReader, BytesError, type ByteWriter } from "@graft/core";
import { ABSENT, type PageVersion } from "../history/page-chains.ts";
import { readVersion, writeVersion } from "./change-fields.ts";
import { isSlot, MISSING_SLOT, SLOT_COUNT_MAX } from "./location.ts";
import type { ContinueChange, Extent, ReserveChange } from "./log-change.ts";

export function writeReserve(writer: ByteWriter, change: ReserveChange): void {
  writer.u32le(change.opener).u32le(change.extents.length);
  for (const { first, count } of change.extents) writer.u32le(first).u32le(count);
}

export function readReserve(reader: ByteReader): ReserveChange {
  const opener = reader.u32le();
  const extents: Extent[] = [];
  for (let left = reader.u32le(); left > 0; left--) {
    const first = reader.u32le();
    const count = reader.u32le();
    if (count === 0 || first + count > SLOT_COUNT_MAX) {
      throw new BytesError(`${count} slots from ${first} on`, reader.offset);
    }
    extents.push({ first, count });
  }
  return { kind: "reserve", opener, extents };
}

export function writeContinue(writer: ByteWriter, change: ContinueChange): void {
  writer.u32le(change.generation).u64le(BigInt(change.size));
  writer.u32le(change.sequence).u32le(change.checksum).u32le(change.moved.length);
  for (const { page, version, location } of change.moved) {
    writer.u32le(page).u32le(location);
    writeVersion(writer, version);
  }
}

export function readContinue(reader: ByteReader): ContinueChange {
  const generation = reader.u32le();
  const size = Number(reader.u64le());
  const sequence = reader.u32le();
  const checksum = reader.u32le();
  const moved: PageVersion[] = [];
  for (let left = reader.u32le(); left > 0; left--) {
    const page = reader.u32le();
    const slot = reader.u32le();
    if (slot !== MISSING_SLOT && !isSlot(slot)) throw new BytesError(`slot ${slot}`, reader.offset);
    const location = slot === MISSING_SLOT ? ABSENT : slot;
    moved.push({ page, version: readVersion(reader), location });
  }
  return { kind: "continue", generation, size, sequence, checksum, moved };
}
