import { GraftError, type Lsn, type VolumeId } from "@graft/core";
import type { Allowances } from "./allowance.ts";
import type { Claims } from "./claims.ts";
import { may, type Verdict } from "./may.ts";
import type { Access } from "./scope.ts";

/** What a caller may do with one volume. */
export type Grant = Extract<Verdict, { kind: "granted" }>;

/** Who calls: a token that was found genuine and valid, or anybody where none is asked for. */
export interface Caller {
  readonly claims: Claims;
  /** Presented to other services, which judge it themselves. */
  readonly token: string | undefined;
  /** Names the token where it must not be told: 16 bytes of its hash, as hex. */
  readonly tokenName: string;
}

/**
 * What a right holds for. Nothing is looked at before: whether the volume exists makes no
 * difference to the answer, nor to the time it takes.
 *
 * @throws GraftError `permission-denied`
 */
export function grantOf(caller: Caller, access: Access, volumeId: VolumeId): Grant {
  const verdict = may(caller.claims, { access, volumeId });
  if (verdict.kind === "granted") return verdict;
  throw new GraftError(
    "permission-denied",
    `the token gives no right to ${VERBS[access]} volume ${volumeId}, whether it exists or not`,
    { details: { volume: volumeId, access } },
  );
}

const VERBS: Readonly<Record<Access, string>> = {
  read: "read",
  write: "write to",
  create: "make",
  admin: "administer",
};

/** Whether a right is there at all. */
export function isGranted(caller: Caller, access: Access, volumeId: VolumeId): boolean {
  return may(caller.claims, { access, volumeId }).kind === "granted";
}

/** @throws GraftError `permission-denied`: the LSN is above the newest that the token is for */
export function checkLsn({ maxLsn }: Grant, volumeId: VolumeId, lsn: Lsn | undefined): void {
  if (lsn === undefined || maxLsn === undefined || lsn <= maxLsn) return;
  throw new GraftError(
    "permission-denied",
    `the token is for volume ${volumeId} up to LSN ${maxLsn}, not for LSN ${lsn}, whether it exists or not`,
    { details: { volume: volumeId, maxLsn: String(maxLsn), lsn: String(lsn) } },
  );
}

/** Takes room for what is written. @throws GraftError `resource-exhausted` */
export function takeRoom(
  allowances: Allowances,
  caller: Caller,
  grant: Grant,
  write: { readonly volumeId: VolumeId; readonly sizeBytes: number },
): void {
  const { volumeId, sizeBytes } = write;
  if (allowances.take(caller.tokenName, grant, sizeBytes)) return;
  const maxBytes = Math.max(0, ...(grant.budgets ?? []).map((budget) => budget.maxBytes));
  throw new GraftError(
    "resource-exhausted",
    `the token lets write ${maxBytes} bytes, and these ${sizeBytes} for volume ${volumeId} are too many: use another token`,
    { details: { volume: volumeId, maxBytes, sizeBytes } },
  );
}
