/**
 * What the process that syncs a volume says of it to the others, and to those who come after it:
 * `<volume>/health`, a line of JSON. It is a report, not a fact: it is never flushed, and one that
 * is torn is as good as none.
 */
import { type FileSystem, GraftError, isGraftErrorCode } from "@graft/core";
import type { VolumeStatus } from "../volume.ts";

/** Larger ones are none of ours. */
const SIZE_MAX = 16 * 1024;

export interface HealthRecord {
  readonly connection: "live" | "polling" | "offline" | "stopped";
  /** Wall ms, as all times here. */
  readonly writtenMs: number;
  /** Since when the replica may lack something; undefined: it lacked nothing. */
  readonly staleMs: number | undefined;
  /** Whether it left a divergence to the application. */
  readonly isResting: boolean;
  readonly lastError: VolumeStatus["lastError"];
}

/** Where a volume's record is kept. */
export interface HealthPlace {
  /** Undefined: there is none. */
  read(): HealthRecord | undefined;
  /** What the disk does not take is not told. */
  write(record: HealthRecord): void;
}

export function createHealthPlace(fileSystem: FileSystem, path: string): HealthPlace {
  return {
    read: () => {
      try {
        const file = fileSystem.open(path, "read");
        try {
          const bytes = new Uint8Array(Math.min(file.size(), SIZE_MAX));
          return decodeHealth(bytes.subarray(0, file.read(bytes, 0)));
        } finally {
          file.close();
        }
      } catch (error) {
        if (error instanceof GraftError) return undefined;
        throw error;
      }
    },
    write: (record) => {
      const bytes = encodeHealth(record);
      try {
        const file = fileSystem.open(path, "create");
        try {
          file.write(bytes, 0);
          file.truncate(bytes.length);
        } finally {
          file.close();
        }
      } catch (error) {
        if (!(error instanceof GraftError)) throw error;
      }
    },
  };
}

/** How far behind the replica is by a record, ms. @param isOver whether its writer may have died */
export function lagOf(record: HealthRecord, nowMs: number, isOver: boolean): number {
  const isCurrent = record.staleMs === undefined && record.connection === "live" && !isOver;
  return isCurrent ? 0 : Math.max(0, nowMs - (record.staleMs ?? record.writtenMs));
}

export function encodeHealth({ lastError, ...rest }: HealthRecord): Uint8Array {
  const { code, message } = lastError?.error ?? {};
  const error = lastError && { code, message, sinceMs: lastError.sinceMs };
  return new TextEncoder().encode(`${JSON.stringify({ ...rest, error })}\n`);
}

/** Undefined when it is torn, or of another program. */
export function decodeHealth(bytes: Uint8Array): HealthRecord | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { connection, writtenMs, staleMs, isResting } = value ?? {};
  if (!isConnection(connection) || typeof writtenMs !== "number") return undefined;
  return {
    connection,
    writtenMs,
    staleMs: typeof staleMs === "number" ? staleMs : undefined,
    isResting: isResting === true,
    lastError: toLastError(value.error),
  };
}

function isConnection(value: unknown): value is HealthRecord["connection"] {
  return value === "live" || value === "polling" || value === "offline" || value === "stopped";
}

function toLastError(value: unknown): VolumeStatus["lastError"] {
  if (typeof value !== "object" || value === null) return undefined;
  const { code, message, sinceMs } = value as Record<string, unknown>;
  if (typeof code !== "string" || !isGraftErrorCode(code)) return undefined;
  if (typeof message !== "string" || typeof sinceMs !== "number") return undefined;
  return { error: new GraftError(code, message), sinceMs };
}
