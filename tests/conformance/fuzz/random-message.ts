/**
 * Random messages of any type, mostly legal: what a field means is told by its name, so that most
 * of them reach what lies behind the door.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import {
  createClientId,
  createSegmentId,
  createVolumeId,
  encodePageSet,
  gidBytes,
  randomBytes,
} from "@graft/core";
import { type SeededRandom, SimulatedClock } from "@graft/core/testing";
import { Splinter } from "@graft/splinter";

/** Values of fields by name, before any of its own: ids that exist, say. */
export type KnownFields = Readonly<Record<string, (random: SeededRandom) => unknown>>;

const PAGE_SIZES = [512, 4096, 4096, 4096, 65_536];
const BIG = [1n, 2n, 3n, 9n, 300n, 0xffff_ffff_ffff_ffffn, 0n];
const SMALL = [0, 1, 2, 9, 64, 1024, 70_000, 0xffff_fffe, 0xffff_ffff];

/** The content of a message, as `create` takes it. */
export function randomMessage(
  schema: DescMessage,
  random: SeededRandom,
  known: KnownFields = {},
): Record<string, unknown> {
  const content: Record<string, unknown> = {};
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      const field = random.pick(member.fields);
      content[member.localName] = { case: field.localName, value: single(field, random, known) };
      continue;
    }
    const isMustHave = MUST_HAVE.has(member.name);
    if (!isMustHave && random.chance(0.25)) continue;
    if (member.fieldKind === "list") {
      const count = random.pick([0, 1, 1, 2, 5]);
      content[member.localName] = Array.from({ length: count }, () =>
        single(member, random, known),
      );
    } else if (member.fieldKind === "map") {
      content[member.localName] = {};
    } else {
      content[member.localName] = single(member, random, known);
    }
  }
  return content;
}

/** Without these a message says nothing. */
const MUST_HAVE = new Set([
  "vid",
  "cid",
  "sid",
  "lsn",
  "graft",
  "page_set",
  "hash",
  "data",
  "pageidx",
]);

function single(field: DescField, random: SeededRandom, known: KnownFields): unknown {
  const value = known[field.name]?.(random);
  if (value !== undefined) return value;
  if (field.message !== undefined) return randomMessage(field.message, random, known);
  if (field.enum !== undefined) return random.integer(0, field.enum.values.length);
  switch (field.scalar) {
    case ScalarType.BYTES:
      return bytesOf(field.name, random);
    case ScalarType.STRING:
      return random.pick(["", "ok", "corrupt", "größe", "\0", "x".repeat(5000)]);
    case ScalarType.BOOL:
      return random.chance(0.5);
    case ScalarType.UINT64:
    case ScalarType.INT64:
    case ScalarType.FIXED64:
      return field.scalar === ScalarType.INT64 ? BigInt(random.integer(0, 99)) : random.pick(BIG);
    case ScalarType.INT32:
      return random.integer(0, 999);
    default:
      return numberOf(field.name, random);
  }
}

function bytesOf(name: string, random: SeededRandom): Uint8Array {
  const ids = { random, clock: new SimulatedClock() };
  switch (name) {
    case "vid":
    case "owner_vid":
      return gidBytes(createVolumeId(ids));
    case "cid":
      return gidBytes(createClientId(ids));
    case "sid":
      return gidBytes(createSegmentId(ids));
    case "graft":
    case "page_set":
    case "covered":
      return randomPageSet(random);
    case "hash":
    case "commit_id":
    case "commit_ids":
      return randomBytes(random, 16);
    case "parent_hash":
      return randomBytes(random, 32);
    case "data":
      return new Uint8Array(random.pick(PAGE_SIZES)).fill(random.integer(0, 255));
    default:
      return randomBytes(random, random.pick([0, 1, 16, 32, 500]));
  }
}

function numberOf(name: string, random: SeededRandom): number {
  if (name === "page_size") return random.pick(PAGE_SIZES);
  if (name === "pageidx") return random.integer(1, 900);
  if (name === "heartbeat_ms") return random.pick([0, 1000, 60_000]);
  if (name === "page_count") return random.pick([5, 900, 0xffff_fffe]);
  return random.pick(SMALL);
}

/** A page set in its wire form. */
export function randomPageSet(random: SeededRandom): Uint8Array {
  const set = new Splinter();
  for (let count = random.pick([1, 1, 3, 40]); count > 0; count--) {
    const first = random.pick([1, 5, 64, 300, 70_000]) + random.integer(0, 300);
    set.insertRange(first, first + random.pick([0, 0, 3, 500]));
  }
  return encodePageSet(set);
}
