/**
 * Graft ids, 16 bytes: kind(1) · creation time ms, big-endian(6) · random(9). Text is base58
 * (Bitcoin alphabet) of the 16 bytes as one big-endian number, always 22 characters; byte order and
 * text order are creation order. Source: WIRE-v0.1 §3.2.
 */
import { decodeBase58, encodeBase58 } from "./bytes/base58.ts";
import type { Clock } from "./clock.ts";
import { GraftError } from "./error.ts";
import { type Random, randomBytes } from "./random.ts";

declare const brand: unique symbol;

/** Names a volume. Canonical text; `gidBytes` gives the 16 bytes. */
export type VolumeId = string & { readonly [brand]: "VolumeId" };
/** Names a segment. */
export type SegmentId = string & { readonly [brand]: "SegmentId" };
/** Names a client: a data directory, not a process. */
export type ClientId = string & { readonly [brand]: "ClientId" };

const KINDS = { volume: 0x80, segment: 0xa0, client: 0xc0 } as const;
type GidKind = keyof typeof KINDS;

export const GID_SIZE = 16;
export const GID_TEXT_LENGTH = 22;

/** The means to make ids. */
export interface IdSource {
  readonly clock: Clock;
  readonly random: Random;
}

export function createVolumeId(source: IdSource): VolumeId {
  return createGid("volume", source) as VolumeId;
}
export function createSegmentId(source: IdSource): SegmentId {
  return createGid("segment", source) as SegmentId;
}
export function createClientId(source: IdSource): ClientId {
  return createGid("client", source) as ClientId;
}

/** @throws GraftError `invalid-argument`: wrong length, bad character, overflow or another kind */
export function parseVolumeId(text: string): VolumeId {
  return parseGid("volume", text) as VolumeId;
}
export function parseSegmentId(text: string): SegmentId {
  return parseGid("segment", text) as SegmentId;
}
export function parseClientId(text: string): ClientId {
  return parseGid("client", text) as ClientId;
}

/** @throws GraftError `invalid-argument`: not 16 bytes, or another kind */
export function toVolumeId(bytes: Uint8Array): VolumeId {
  return toGid("volume", bytes) as VolumeId;
}
export function toSegmentId(bytes: Uint8Array): SegmentId {
  return toGid("segment", bytes) as SegmentId;
}
export function toClientId(bytes: Uint8Array): ClientId {
  return toGid("client", bytes) as ClientId;
}

/** The 16 bytes of an id. A fresh copy. */
export function gidBytes(id: VolumeId | SegmentId | ClientId): Uint8Array {
  return decodeBase58(id, GID_SIZE);
}

/** When the id was made, ms since 1970, by its maker's clock. */
export function gidTimestampMs(id: VolumeId | SegmentId | ClientId): number {
  const bytes = gidBytes(id);
  let ms = 0;
  for (let at = 1; at <= 6; at++) ms = ms * 256 + (bytes[at] ?? 0);
  return ms;
}

function createGid(kind: GidKind, source: IdSource): string {
  const bytes = new Uint8Array(GID_SIZE);
  bytes[0] = KINDS[kind];
  let ms = Math.max(0, Math.floor(source.clock.nowMs()));
  for (let at = 6; at >= 1; at--) {
    bytes[at] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes.set(randomBytes(source.random, 9), 7);
  return encodeBase58(bytes);
}

function parseGid(kind: GidKind, text: string): string {
  if (text.length !== GID_TEXT_LENGTH) {
    throw invalid(kind, text, `expected ${GID_TEXT_LENGTH} characters, got ${text.length}`);
  }
  let bytes: Uint8Array;
  try {
    bytes = decodeBase58(text, GID_SIZE);
  } catch (cause) {
    throw invalid(kind, text, cause instanceof Error ? cause.message : String(cause));
  }
  if (bytes[0] !== KINDS[kind]) throw invalid(kind, text, "it is an id of another kind");
  return text;
}

function toGid(kind: GidKind, bytes: Uint8Array): string {
  if (bytes.length !== GID_SIZE) {
    throw invalid(kind, `${bytes.length} bytes`, `expected ${GID_SIZE} bytes`);
  }
  const text = encodeBase58(bytes);
  if (bytes[0] !== KINDS[kind]) throw invalid(kind, text, "it is an id of another kind");
  return text;
}

function invalid(kind: GidKind, text: string, why: string): GraftError {
  return new GraftError("invalid-argument", `invalid ${kind} id "${text}": ${why}`);
}
