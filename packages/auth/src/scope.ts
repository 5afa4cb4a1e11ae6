import { GraftError, type Lsn, parseVolumeId, toLsn, type VolumeId } from "@graft/core";

/**
 * What a caller may do with a volume. Each stands alone: `write` does not let read. `admin` is all
 * of them, and whatever else is done to a volume.
 */
export type Access = "read" | "write" | "create" | "admin";

/** All of them, in the order in which people read them. */
export const ACCESSES: readonly Access[] = ["read", "write", "create", "admin"];

/**
 * Volumes, by the text of their ids: all, one, or those that begin with some characters. Never one
 * that merely begins with another's whole id: ids are 22 characters, and "exact" compares all.
 */
export type VolumePattern =
  | { readonly kind: "all" }
  | { readonly kind: "exact"; readonly volumeId: VolumeId }
  | { readonly kind: "prefix"; readonly prefix: string };

/** Rights on some volumes. */
export interface Scope {
  /** At least one. */
  readonly volumes: readonly VolumePattern[];
  /** At least one. */
  readonly access: readonly Access[];
  /** The newest LSN that may be read or made. Absent: no limit. */
  readonly maxLsn?: Lsn;
  /** Bytes of pages that may be written under this scope, all its volumes together. */
  readonly maxBytes?: number;
}

/** Patterns of one scope, and scopes of one token. */
export const SCOPE_COUNT_MAX = 256;
/** Characters of an id in base58, without those that look alike. */
const ID_CHARACTERS = /^[1-9A-HJ-NP-Za-km-z]{1,22}$/;
const EXPECTED =
  "expected a volume id of 22 characters, the beginning of one followed by *, or * for all";

/** `*`, `5rMJ…` (a whole id) or `5rMJ*`. @throws GraftError `invalid-argument` */
export function parseVolumePattern(text: string): VolumePattern {
  if (text === "*") return { kind: "all" };
  const prefix = text.endsWith("*") ? text.slice(0, -1) : undefined;
  if (prefix === undefined) return { kind: "exact", volumeId: mustBeVolumeId(text) };
  if (ID_CHARACTERS.test(prefix)) return { kind: "prefix", prefix };
  throw new GraftError("invalid-argument", `volumes "${text}": ${EXPECTED}`);
}

/** What `parseVolumePattern` reads. */
export function formatVolumePattern(pattern: VolumePattern): string {
  if (pattern.kind === "all") return "*";
  return pattern.kind === "exact" ? pattern.volumeId : `${pattern.prefix}*`;
}

/** Whether a pattern names the volume. */
export function matchesVolume(pattern: VolumePattern, volumeId: VolumeId): boolean {
  if (pattern.kind === "all") return true;
  if (pattern.kind === "exact") return pattern.volumeId === volumeId;
  return volumeId.startsWith(pattern.prefix);
}

/** Reads one scope of a token's claims. @throws GraftError `invalid-argument` */
export function decodeScope(value: unknown): Scope {
  if (!isRecord(value)) throw malformed("a scope", "an object");
  for (const name of Object.keys(value)) {
    // A limit of a newer version must not be overlooked.
    if (!FIELDS.has(name)) throw malformed(`a scope's "${name}"`, [...FIELDS].join(", "));
  }
  const { volumes, access, maxLsn, maxBytes } = value;
  return {
    volumes: textsOf(volumes, "volumes").map(parseVolumePattern),
    access: textsOf(access, "access").map(parseAccess),
    ...(maxLsn !== undefined && { maxLsn: toLsn(BigInt(wholeNumberOf(maxLsn, "maxLsn", 1))) }),
    ...(maxBytes !== undefined && { maxBytes: wholeNumberOf(maxBytes, "maxBytes", 0) }),
  };
}

/** What `decodeScope` reads. @throws GraftError `invalid-argument`: an LSN beyond 2^53 */
export function encodeScope(scope: Scope): Readonly<Record<string, unknown>> {
  const { volumes, access, maxLsn, maxBytes } = scope;
  return {
    volumes: volumes.map(formatVolumePattern),
    access,
    ...(maxLsn !== undefined && { maxLsn: wholeNumberOf(Number(maxLsn), "maxLsn", 1) }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
}

/** @throws GraftError `invalid-argument` */
export function parseAccess(text: string): Access {
  const access = ACCESSES.find((known) => known === text);
  if (access !== undefined) return access;
  throw malformed(`access "${text}"`, ACCESSES.join(", "));
}

const FIELDS: ReadonlySet<string> = new Set(["volumes", "access", "maxLsn", "maxBytes"]);

/** Whether it is an object with fields. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textsOf(value: unknown, name: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  const isValid = list.length > 0 && list.length <= SCOPE_COUNT_MAX;
  if (isValid && list.every((one) => typeof one === "string")) return list;
  throw malformed(`a scope's "${name}"`, `1 … ${SCOPE_COUNT_MAX} texts`);
}

function wholeNumberOf(value: unknown, name: string, least: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= least) return value;
  throw malformed(`a scope's "${name}"`, `a whole number, ${least} … 2^53−1`);
}

function mustBeVolumeId(text: string): VolumeId {
  try {
    return parseVolumeId(text);
  } catch (cause) {
    throw new GraftError("invalid-argument", `volumes "${text}": ${EXPECTED}`, { cause });
  }
}

function malformed(what: string, expected: string): GraftError {
  return new GraftError("invalid-argument", `malformed claims: ${what}: expected ${expected}`);
}
