/**
 * Checks a data directory without changing it: `directory.json`, and of each volume what an
 * open would check (index, log, mark, names), and the checksum of every page that the state names.
 */
import { examineDirectory, examineStore, type StoreExamination } from "@graft/client/inspect";
import { type FileSystem, GraftError, isGraftError, type VolumeId } from "@graft/core";
import { conditionOf } from "../../inspect/condition-of.ts";
import type { Report } from "../finding.ts";

/** Damaged pages of one store that are told one by one. */
const PAGE_FINDING_COUNT_MAX = 100;

export interface DirectoryCheck {
  readonly path: string;
  /** Only the volume of this tag. */
  readonly tag?: string | undefined;
  readonly fileSystem: FileSystem;
  readonly signal: AbortSignal;
  readonly report: Report;
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
}

/** What was looked at. */
export interface StoreSummary {
  readonly volume: VolumeId;
  readonly tags: readonly string[];
  /** Undefined: the store does not open. */
  readonly pages: number | undefined;
  readonly remoteLsn: bigint | undefined;
  readonly pendingCommits: number;
  readonly unpushedPages: number;
}

/**
 * The caller holds the directory's lock, or says that another process may be writing.
 *
 * @throws GraftError `not-found`: no data directory, or no such tag · `invalid-argument`: a newer
 *   format
 */
export async function* checkDirectory(check: DirectoryCheck): AsyncGenerator<StoreSummary> {
  const { path, fileSystem, report } = check;
  const directory = await readDirectory(check);
  if (directory === undefined) return;
  const tags = [...directory.tags];
  const wanted = check.tag === undefined ? undefined : directory.tags.get(check.tag);
  if (check.tag !== undefined && wanted === undefined) {
    const known = tags.map(([tag]) => tag).join(", ") || "there is none";
    throw new GraftError("not-found", `no tag "${check.tag}" in "${path}": ${known}`);
  }
  for (const volume of directory.volumes.keys()) {
    if (wanted !== undefined && volume !== wanted) continue;
    const names = tags.filter(([, named]) => named === volume).map(([tag]) => tag);
    yield await checkStore(volume, names, directory.volumePath(volume), check);
  }
  for (const [tag, volume] of tags) {
    if (directory.volumes.has(volume)) continue;
    const condition = `tag "${tag}" names volume ${volume}, which is not in it`;
    report({ severity: "damage", object: `${path}/directory.json`, condition });
  }
  for (const name of fileSystem.list(`${path}/volumes`) ?? []) {
    if ([...directory.volumes.keys()].some((volume) => volume === name)) continue;
    const condition = "no volume of directory.json: a leftover";
    report({ severity: "note", object: `${path}/volumes/${name}`, condition });
  }
}

async function readDirectory({ path, fileSystem, report }: DirectoryCheck) {
  try {
    return await examineDirectory(path, fileSystem);
  } catch (error) {
    if (!isGraftError(error, "corrupt")) throw error;
    report({ severity: "damage", object: `${path}/directory.json`, condition: error.message });
    return undefined;
  }
}

async function checkStore(
  volume: VolumeId,
  tags: readonly string[],
  directory: string,
  check: DirectoryCheck,
): Promise<StoreSummary> {
  const { fileSystem, report } = check;
  const nothing = { volume, tags, remoteLsn: undefined, pendingCommits: 0, unpushedPages: 0 };
  if (fileSystem.stat(directory) === undefined) {
    report({ severity: "note", volume, object: directory, condition: "nothing of it is here yet" });
    return { ...nothing, pages: 0 };
  }
  try {
    using store = examineStore({ fileSystem, directory, volumeId: volume });
    const pages = await checkPages(volume, store, check);
    reportState(volume, directory, store, report);
    const { state } = store;
    const remoteLsn = state.remote?.lsn;
    return { ...nothing, ...pages, remoteLsn, pendingCommits: state.pending.length };
  } catch (error) {
    if (!isGraftError(error, "corrupt") && !isGraftError(error, "invalid-argument")) throw error;
    const object = String(error.details.path ?? directory);
    report({ severity: "damage", volume, object, condition: conditionOf(error) });
    return { ...nothing, pages: undefined };
  }
}

/** Reads every page that the state names. */
async function checkPages(
  volume: VolumeId,
  store: StoreExamination,
  { signal, report, onProgress }: DirectoryCheck,
): Promise<Pick<StoreSummary, "pages" | "unpushedPages">> {
  const target = new Uint8Array(store.pageSize ?? 0);
  let total = 0;
  for (const _ of store.pages()) total++;
  let [pages, unpushedPages, damaged] = [0, 0, 0];
  for (const page of store.pages()) {
    pages++;
    if (page.isUnpushed) unpushedPages++;
    if (!store.read(page, target) && ++damaged <= PAGE_FINDING_COUNT_MAX) {
      const what = `page ${page.page} of version ${page.version} at offset ${page.offset}`;
      const effect = page.isUnpushed
        ? "it was not pushed, and nobody else has it: commands that need it fail"
        : "it is a cached page, which is dropped and fetched again when it is read";
      const condition = `${what} fails its checksum: ${effect}`;
      report({ severity: "damage", volume, object: page.path, condition });
    }
    if (pages % 1024 !== 0) continue;
    onProgress({ done: pages * target.length, total: total * target.length });
    signal.throwIfAborted();
    // Reads are synchronous: Ctrl-C and the bar get a turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (damaged > PAGE_FINDING_COUNT_MAX) {
    const condition = `${damaged - PAGE_FINDING_COUNT_MAX} more pages fail their checksums`;
    report({ severity: "damage", volume, object: "pages", condition });
  }
  onProgress({ done: total * target.length, total: total * target.length });
  return { pages, unpushedPages };
}

/** What is not in object storage yet, and what stands in the way. */
function reportState(
  volume: VolumeId,
  object: string,
  { state }: StoreExamination,
  report: Report,
): void {
  const { pending, push } = state;
  if (pending.length > 0) {
    const condition = `${pending.length} commit(s) are not pushed: graft push sends them`;
    report({ severity: "note", volume, object, condition });
  }
  if (push !== undefined) {
    const what = `the outcome of a push of ${push.commitCount} commit(s) is not known yet`;
    const condition = `${what} (commit id ${push.commitId}): graft push finds out`;
    report({ severity: "warning", volume, object, condition });
  }
  if (state.isDiverged) {
    const condition = "the volume is diverged: graft reset saves the local work and follows";
    report({ severity: "warning", volume, object, condition });
  }
}
