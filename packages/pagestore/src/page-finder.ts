import type { CatalogCommit, CheckpointReader } from "@graft/catalog";
import {
  GraftError,
  invariant,
  type Lsn,
  MutablePageSet,
  mapConcurrent,
  type PageCount,
  type PageSet,
  type PageSize,
  unionInto,
  type VolumeId,
} from "@graft/core";
import { blocksFor, type CheckpointRef, logKey } from "@graft/format";
import type { CommitLoader } from "./commit-loader.ts";
import { type InlinePages, type PageTake, planRead, takeEntries, takeInline } from "./read-plan.ts";

/** A snapshot that somebody asks for. */
export interface AskedSnapshot {
  readonly volumeId: VolumeId;
  readonly lsn: Lsn;
  /** Who asks: see `CommitSource`. */
  readonly token: string | undefined;
}

/** A snapshot, and where each wanted page of it is. */
export interface FoundPages {
  readonly pageSize: PageSize;
  readonly pageCount: PageCount;
  readonly takes: readonly PageTake[];
  /** Wanted indexes that read as zeros. */
  readonly absent: PageSet;
}

/** Records read side by side. */
const RECORD_CONCURRENCY = 16;
/** Commits read at once on a walk down the log: one, then twice as many, up to. */
const DESCEND_COUNT_MAX = 64;

/** Where pages were found so far. */
interface Findings {
  readonly takes: PageTake[];
  readonly inline: InlinePages[];
  readonly absent: MutablePageSet;
}

/**
 * Finds pages: by the record at the snapshot's LSN and its checkpoint, not by what lies between.
 */
export class PageFinder {
  readonly #commits: CommitLoader;
  readonly #checkpoints: CheckpointReader;

  constructor(parts: { readonly commits: CommitLoader; readonly checkpoints: CheckpointReader }) {
    this.#commits = parts.commits;
    this.#checkpoints = parts.checkpoints;
  }

  /**
   * Finds the wanted pages of the snapshot at an LSN.
   *
   * @param wanted given the snapshot's page count
   * @throws GraftError `not-found` when the volume has no commit at the LSN
   */
  async find(
    asked: AskedSnapshot,
    wanted: (pageCount: PageCount) => PageSet,
    signal: AbortSignal | undefined,
  ): Promise<FoundPages> {
    const { volumeId } = asked;
    const snapshot = await this.#commits.head(asked, signal);
    const { pageSize, pageCount } = snapshot.record;
    const findings: Findings = { takes: [], inline: [], absent: new MutablePageSet() };
    await this.#walk(snapshot, wanted(pageCount), findings, signal);
    await this.#resolveInline(volumeId, findings, signal);
    return { pageSize, pageCount, takes: findings.takes, absent: findings.absent };
  }

  /** The record that holds a page says in which of its frames. */
  async #resolveInline(
    volumeId: VolumeId,
    findings: Findings,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (findings.inline.length === 0) return;
    const options = { concurrency: RECORD_CONCURRENCY, signal };
    await mapConcurrent(findings.inline, options, async ({ lsn: at, pages }, _, each) => {
      const left = pages.clone();
      const { record } = await this.#commits.below(volumeId, at, each);
      findings.takes.push(...takeInline(record, left));
      if (!left.isEmpty) throw unheld(logKey(volumeId, at), left);
    });
  }

  /**
   * Down from the snapshot's record, as far as records have no tail index: as a rule not at all.
   */
  async #walk(
    snapshot: CatalogCommit,
    wanted: PageSet,
    findings: Findings,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let left = wanted;
    let known: CheckpointRef | undefined;
    let above = snapshot;
    let commits: readonly CatalogCommit[] = [snapshot];
    for (let count = 1; ; count = Math.min(count * 2, DESCEND_COUNT_MAX)) {
      for (const commit of commits) {
        above = commit;
        const plan = planRead(left, commit.record, known);
        findings.takes.push(...plan.takes);
        findings.inline.push(...plan.inline);
        unionInto(findings.absent, plan.absent);
        left = plan.unresolved;
        if (plan.next === undefined) return;
        if (plan.next.kind === "checkpoint") {
          return await this.#lookUp(
            snapshot.record.volumeId,
            plan.next.ref,
            left,
            findings,
            signal,
          );
        }
        known = plan.next.checkpoint;
      }
      commits = await this.#commits.descend(above, count, signal);
      invariant(commits.length > 0, "a walk goes on only above LSN 1");
    }
  }

  async #lookUp(
    volumeId: VolumeId,
    ref: CheckpointRef,
    wanted: PageSet,
    findings: Findings,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const left = wanted.clone();
    const root = await this.#checkpoints.root(volumeId, ref, signal);
    const entries = await this.#checkpoints.entries(root, blocksFor(root, left), signal);
    findings.takes.push(...takeEntries(volumeId, entries, left));
    unionInto(findings.absent, left);
  }
}

function unheld(objectKey: string, pages: PageSet): GraftError {
  const what = `it does not hold page ${pages.first}, which a later commit takes from it`;
  return new GraftError("corrupt", `${objectKey}: ${what}`, { details: { object: objectKey } });
}
