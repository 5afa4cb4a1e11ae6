import { keepOthersOut } from "@graft/client/inspect";
import { type FileLock, GraftError, isGraftError, parseVolumeId } from "@graft/core";
import { openObjectStore } from "@graft/object-store";
import type { Command, Invocation } from "../command.ts";
import { JSON_FLAG, PATH_DEFAULT, TAG_FLAG } from "../flags.ts";
import { formatCount } from "../format-units.ts";
import { type Finding, FindingTally, type Report } from "../fsck/finding.ts";
import { checkDirectory, type StoreSummary } from "../fsck/local/check-directory.ts";
import type { CheckMeans } from "../fsck/remote/check-context.ts";
import { checkVolume, type VolumeSummary } from "../fsck/remote/check-volume.ts";
import { listVolumes } from "../fsck/remote/volume-listing.ts";
import { ProgressBar } from "../progress.ts";
import { UsageError } from "../usage-error.ts";

/** `graft fsck --store URL [VOLUME…]`, `graft fsck --path DATA_DIR`: finds what is damaged. */
export const fsck: Command = {
  name: "fsck",
  summary: "check every checksum and every promise of a store, or of a data directory",
  positionals: "[VOLUME…]",
  positionalCount: { min: 0, max: 10_000 },
  flags: [
    { name: "store", value: "URL", help: "check volumes of this object store; all without a name" },
    {
      name: "path",
      value: "DATA_DIR",
      help: "check a data directory",
      environment: "GRAFT_PATH",
      fallback: `${PATH_DEFAULT} without --store`,
    },
    TAG_FLAG,
    { name: "quick", help: "with --store: sizes, footers and maps; pages are not read" },
    JSON_FLAG,
  ],
  async run(invocation) {
    const { positionals, values } = invocation;
    const tally = new FindingTally();
    const report = tally.counting((finding) => tellFinding(invocation, finding));
    const store = values.get("store");
    if (store !== undefined) {
      if (values.has("tag")) throw new UsageError("--tag is of a data directory: name no --store");
      await checkStore(invocation, store, report, tally);
    } else if (positionals.length > 0) {
      throw new UsageError("volumes are named with --store; with --path name a --tag");
    } else {
      await checkData(invocation, values.get("path") ?? PATH_DEFAULT, report, tally);
    }
  },
};

async function checkStore(
  invocation: Invocation,
  url: string,
  report: Report,
  tally: FindingTally,
): Promise<void> {
  const { surroundings, output, positionals, signal, switches } = invocation;
  const named = positionals.map((text) => parseVolumeId(text));
  const { store } = await openObjectStore(url, { ...surroundings, env: surroundings.environment });
  const summaries: VolumeSummary[] = [];
  try {
    const volumes = named.length > 0 ? named : await listVolumes(store, signal);
    if (volumes.length === 0) output.note(`no volumes in ${store.name}`);
    for (const volume of volumes) {
      const bar = new ProgressBar(`fsck ${volume}`, 1, output, surroundings.clock);
      let [done, total] = [0, 0];
      const onRead = (bytes: number): void => {
        done += bytes;
        bar.update({ done: Math.min(done, total), total });
      };
      const { compute } = surroundings;
      const isQuick = switches.has("quick");
      const means: CheckMeans = { store, compute, signal, report, onRead, isQuick };
      const summary = await checkVolume(volume, means, (listing) => {
        total = listing.size;
      }).finally(() => bar.end());
      output.row({ kind: "volume", ...summary }, describeVolume(summary));
      summaries.push(summary);
    }
  } finally {
    await store.close();
  }
  tellEnd(invocation, { volumes: summaries.length }, tally);
}

async function checkData(
  invocation: Invocation,
  path: string,
  report: Report,
  tally: FindingTally,
): Promise<void> {
  const { output, signal, surroundings, values } = invocation;
  const { fileSystem, clock } = surroundings;
  const lock = lockForReading(invocation, path);
  const bar = new ProgressBar("fsck", 1, output, clock);
  let volumes = 0;
  try {
    const onProgress = (progress: { done: number; total: number }): void => bar.update(progress);
    const tag = values.get("tag");
    const check = { path, tag, fileSystem, signal, report, onProgress };
    for await (const summary of checkDirectory(check)) {
      output.row({ kind: "local store", ...summary }, describeLocal(summary));
      volumes++;
    }
  } finally {
    bar.end();
    lock?.close();
  }
  tellEnd(invocation, { volumes }, tally);
}

/**
 * A directory that is being written would look damaged.
 *
 * @throws GraftError `busy`
 */
function lockForReading({ surroundings, output }: Invocation, path: string): FileLock | undefined {
  const { fileSystem } = surroundings;
  if (fileSystem.stat(`${path}/lock`) === undefined) return undefined;
  try {
    const lock = keepOthersOut(path, fileSystem);
    if (lock !== undefined) return lock;
  } catch (error) {
    if (!isGraftError(error, "io")) throw error;
    output.note(`"${path}" cannot be locked (${error.message}): nothing may write to it meanwhile`);
    return undefined;
  }
  const hint = "close it, or check a copy";
  throw new GraftError("busy", `data directory "${path}" is used by another process: ${hint}`);
}

function tellFinding({ output }: Invocation, finding: Finding): void {
  const label = finding.severity === "damage" ? "DAMAGE" : finding.severity;
  output.row({ kind: "finding", ...finding }, `${label}  ${finding.object}: ${finding.condition}`);
}

function describeVolume(summary: VolumeSummary): string {
  const { volume, firstLsn, headLsn, commits, pages, segments, checkpoints, orphans } = summary;
  const log = commits === 0 ? "no commits" : `LSN ${firstLsn} … ${headLsn}`;
  const parts = [
    log,
    `${formatCount(commits)} commit(s)`,
    pages === undefined ? "pages not known" : `${formatCount(pages)} page(s)`,
    `${formatCount(segments)} segment(s)`,
    `${formatCount(checkpoints)} checkpoint(s)`,
    ...(orphans > 0 ? [`${formatCount(orphans)} orphan(s)`] : []),
  ];
  return `volume ${volume}: ${parts.join(", ")}`;
}

function describeLocal(summary: StoreSummary): string {
  const { volume, tags, pages, remoteLsn, pendingCommits, unpushedPages } = summary;
  const names = tags.length === 0 ? "" : ` (${tags.join(", ")})`;
  if (pages === undefined) return `volume ${volume}${names}: does not open`;
  const parts = [
    remoteLsn === undefined ? "nothing remote" : `remote LSN ${remoteLsn}`,
    `${formatCount(pages)} page(s) here`,
    `${formatCount(pendingCommits)} unpushed commit(s)`,
    ...(unpushedPages > 0 ? [`${formatCount(unpushedPages)} unpushed page(s)`] : []),
  ];
  return `volume ${volume}${names}: ${parts.join(", ")}`;
}

/** @throws GraftError `corrupt`: damage was found */
function tellEnd(
  { output, switches }: Invocation,
  facts: { readonly volumes: number },
  { counts }: FindingTally,
): void {
  const { damage, warning: warnings, note: notes } = counts;
  const isQuick = switches.has("quick");
  output.row(
    { kind: "summary", ok: damage === 0, ...facts, damage, warnings, notes, quick: isQuick },
    damage === 0
      ? `ok: ${facts.volumes} volume(s), no damage, ${warnings} warning(s), ${notes} note(s)`
      : `damaged: ${damage} finding(s) in ${facts.volumes} volume(s)`,
  );
  if (damage === 0) return;
  throw new GraftError("corrupt", `fsck found damage: ${damage} finding(s), named above`, {
    details: { damage },
  });
}
