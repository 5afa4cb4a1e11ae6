import type { VolumeStatus } from "@graft/client";
import { formatBytes, formatCount } from "../format-units.ts";

/** A volume's status for programs, in the shape of `db.status()`. What is not known is absent. */
export function statusFacts(
  status: VolumeStatus,
  tag: string | undefined,
): Readonly<Record<string, unknown>> {
  const { volumeId, state, snapshot, local, remote, cached, lagMs, sync, lastError } = status;
  return {
    volume: volumeId,
    tag,
    state,
    snapshot,
    local,
    remote,
    cached,
    lagMs,
    ...(sync !== undefined && { sync }),
    ...(lastError !== undefined && {
      lastError: {
        code: lastError.error.code,
        message: lastError.error.message,
        since: new Date(lastError.sinceMs).toISOString(),
      },
    }),
  };
}

/** The same for people. */
export function describeStatus(status: VolumeStatus, tag: string | undefined): string {
  const { snapshot, local, remote, cached, state } = status;
  const size = formatBytes(snapshot.pageCount * snapshot.pageSize);
  const lines = [
    `volume   ${status.volumeId}${tag === undefined ? "" : ` ("${tag}")`}`,
    `status   ${state}${hintOf(status)}`,
    `remote   ${remote.lsn === undefined ? "no commit yet" : `LSN ${remote.lsn}`}`,
    `pending  ${local.pending} local commit(s)`,
    ...(local.rejected > 0 ? [`outbox   ${local.rejected} transaction(s): graft outbox`] : []),
    `size     ${formatCount(snapshot.pageCount)} pages of ${snapshot.pageSize} B (${size})`,
    `here     ${formatCount(cached.pages)} pages (${formatBytes(cached.bytes)})`,
  ];
  if (status.lagMs !== undefined) lines.push(`lag      ${describeLag(status.lagMs)}`);
  if (status.lastError !== undefined) {
    const since = new Date(status.lastError.sinceMs).toISOString();
    lines.push(`error    ${status.lastError.error.message} (since ${since})`);
  }
  return lines.join("\n");
}

function describeLag(lagMs: number): string {
  const seconds = Math.floor(lagMs / 1000);
  if (seconds === 0) return "none: it has what the server has";
  return `${formatCount(seconds)} s: what the server has since then may be missing`;
}

function hintOf({ state }: VolumeStatus): string {
  switch (state) {
    case "synced":
      return "";
    case "pending":
      return ": graft push sends the local commits";
    case "pushing":
      return "";
    case "unknown":
      return ": the last push got no answer; graft push asks again, with the same commit id";
    case "diverged":
      return (
        ": another client committed first; graft rebase runs yours again on theirs, " +
        "graft reset takes theirs and saves yours as a file"
      );
  }
}
