import { GraftError } from "../../error.ts";

/** What a program asked of the disk. */
export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "truncate"
  | "sync"
  | "make-directory"
  | "list"
  | "stat"
  | "rename"
  | "remove"
  | "sync-directory"
  | "lock";

const CHANGES: ReadonlySet<DiskOperation> = new Set([
  "write",
  "truncate",
  "sync",
  "make-directory",
  "rename",
  "remove",
  "sync-directory",
]);

/** Something that goes wrong once its time comes. */
export interface DiskFault {
  /** Which calls count: one kind, or every call that changes the disk. Default: all. */
  readonly operation?: DiskOperation | "change";
  /** Only calls on paths that match count. */
  readonly path?: RegExp;
  /** The first call that fails, counted from 1. Default: the next one. */
  readonly nth?: number;
  /** How many calls in a row fail. Default 1; Infinity: for good. */
  readonly times?: number;
  /**
   * `power-loss`: the machine stops in the middle of the call; every further call fails until
   * `crash()` starts it again. `death`: the process that calls is killed in the middle of the call.
   * Otherwise: `details.reason` of the error.
   */
  readonly reason: "full" | "read-only" | "permission" | "other" | "power-loss" | "death";
}

/** The faults that wait for their call. */
export class DiskFaults {
  #waiting: { readonly fault: DiskFault; seenCount: number }[] = [];

  add(fault: DiskFault): void {
    this.#waiting.push({ fault, seenCount: 0 });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** The fault this call meets, if any. Every waiting fault counts the call. */
  meet(operation: DiskOperation, path: string): DiskFault | undefined {
    let met: DiskFault | undefined;
    for (const entry of this.#waiting) {
      if (!concerns(entry.fault, operation, path)) continue;
      entry.seenCount++;
      const { nth = 1, times = 1 } = entry.fault;
      if (entry.seenCount >= nth && entry.seenCount < nth + times) met ??= entry.fault;
    }
    return met;
  }
}

/** Whether the call changes what is on the disk. */
export function isChange(operation: DiskOperation): boolean {
  return CHANGES.has(operation);
}

/** A failure as the real file system reports it. */
export function diskError(
  operation: DiskOperation,
  path: string,
  reason: "full" | "read-only" | "permission" | "other",
  why: string,
): GraftError {
  const message = `cannot ${operation.replace("-", " ")} "${path}": ${why}`;
  return new GraftError("io", message, { details: { path, reason } });
}

function concerns(fault: DiskFault, operation: DiskOperation, path: string): boolean {
  if (fault.operation === "change" && !isChange(operation)) return false;
  const isKind = fault.operation === undefined || fault.operation === "change";
  return (isKind || fault.operation === operation) && (fault.path?.test(path) ?? true);
}
