import type { Lsn, VolumeId } from "@graft/core";
import type { Claims } from "./claims.ts";
import { type Access, matchesVolume, type Scope } from "./scope.ts";

/** What somebody wants to do. */
export interface Wish {
  readonly access: Access;
  readonly volumeId: VolumeId;
}

/** Whether it is granted, and within which bounds. */
export type Verdict =
  | { readonly kind: "denied" }
  | {
      readonly kind: "granted";
      /** The newest LSN it holds for. Absent: all. */
      readonly maxLsn?: Lsn;
      /**
       * Limits of what may be written, each of a scope by its place in the claims: one with room is
       * enough. Absent: no limit.
       */
      readonly budgets?: readonly { readonly scope: number; readonly maxBytes: number }[];
    };

const UNLIMITED: Verdict = { kind: "granted" };
const DENIED: Verdict = { kind: "denied" };

/**
 * The whole rule: a wish is granted when one scope names the volume and the access. Where several
 * do, the widest bound of each kind holds. Claims without scopes grant everything; an empty list of
 * scopes grants nothing.
 */
export function may({ scopes }: Claims, wish: Wish): Verdict {
  if (scopes === undefined) return UNLIMITED;
  const budgets: { readonly scope: number; readonly maxBytes: number }[] = [];
  let maxLsn: Lsn | undefined;
  let [isGranted, hasEveryLsn, hasEveryByte] = [false, false, false];
  for (const [at, scope] of scopes.entries()) {
    if (!covers(scope, wish)) continue;
    isGranted = true;
    if (scope.maxLsn === undefined) hasEveryLsn = true;
    else if (maxLsn === undefined || scope.maxLsn > maxLsn) ({ maxLsn } = scope);
    if (scope.maxBytes === undefined) hasEveryByte = true;
    else budgets.push({ scope: at, maxBytes: scope.maxBytes });
  }
  if (!isGranted) return DENIED;
  return {
    kind: "granted",
    ...(!hasEveryLsn && maxLsn !== undefined && { maxLsn }),
    ...(!hasEveryByte && { budgets }),
  };
}

function covers({ volumes, access }: Scope, wish: Wish): boolean {
  const hasAccess = access.includes(wish.access) || access.includes("admin");
  return hasAccess && volumes.some((pattern) => matchesVolume(pattern, wish.volumeId));
}
