import type { Claims, Scope } from "@graft/auth";
import { formatVolumePattern } from "@graft/auth";
import { formatBytes } from "../format-units.ts";

/** Claims as programs read them. */
export interface ClaimFacts {
  readonly subject: string | null;
  /** RFC 3339; null: no limit. */
  readonly notBefore: string | null;
  readonly expires: string | null;
  /** Null: everything. */
  readonly scopes: readonly ScopeFacts[] | null;
}

export interface ScopeFacts {
  readonly volumes: readonly string[];
  readonly access: readonly string[];
  readonly maxLsn: bigint | null;
  readonly maxBytes: number | null;
}

export function claimFacts({ subject, notBeforeMs, expiresMs, scopes }: Claims): ClaimFacts {
  return {
    subject: subject ?? null,
    notBefore: dateOf(notBeforeMs),
    expires: dateOf(expiresMs),
    scopes: scopes?.map(scopeFacts) ?? null,
  };
}

/** Lines for people. */
export function describeClaims(claims: Claims, nowMs: number): readonly string[] {
  const { scopes = [] } = claims;
  const rights = scopes.map((scope) => `gives     ${describeScope(scope)}`);
  return [
    `subject   ${claims.subject ?? "nobody named"}`,
    `valid     ${describeTimes(claims, nowMs)}`,
    ...(claims.scopes === undefined ? ["gives     everything, on every volume"] : rights),
    ...(claims.scopes?.length === 0 ? ["gives     nothing"] : []),
  ];
}

function describeScope({ volumes, access, maxLsn, maxBytes }: Scope): string {
  const names = volumes.map(formatVolumePattern);
  const where = names.includes("*") ? "every volume" : names.join(", ");
  const bounds = [
    maxLsn === undefined ? "" : `, up to LSN ${maxLsn}`,
    maxBytes === undefined ? "" : `, ${formatBytes(maxBytes)} to write`,
  ];
  return `${access.join(", ")} on ${where}${bounds.join("")}`;
}

function describeTimes({ notBeforeMs, expiresMs }: Claims, nowMs: number): string {
  const from = notBeforeMs === undefined ? "" : `from ${dateOf(notBeforeMs)} `;
  if (expiresMs === undefined) return `${from}for ever`;
  const leftMs = expiresMs - nowMs;
  const left = leftMs <= 0 ? "expired" : `${describeSpan(leftMs)} left`;
  return `${from}until ${dateOf(expiresMs)} (${left})`;
}

function describeSpan(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  if (hours >= 2) return `${Math.floor(hours)} hours`;
  return `${Math.ceil(ms / 60_000)} min`;
}

function scopeFacts({ volumes, access, maxLsn, maxBytes }: Scope): ScopeFacts {
  return {
    volumes: volumes.map(formatVolumePattern),
    access,
    maxLsn: maxLsn ?? null,
    maxBytes: maxBytes ?? null,
  };
}

function dateOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
