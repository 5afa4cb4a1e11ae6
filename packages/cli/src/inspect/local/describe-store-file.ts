/** Files of a local store, each alone (docs/formats/local-store.md). */
import {
  examineIndexFile,
  examineLogFile,
  examineSyncedMark,
  type LogRecordExamination,
} from "@graft/client/inspect";
import type { File } from "@graft/core";
import type { Facts, Inspection } from "../facts.ts";
import { stateFacts } from "./state-facts.ts";

/** Places of pages that are not slots. */
const ZEROS = 0xffff_ffff;
const MISSING = 0xffff_fffe;
const LOG_FIRST = 0x8000_0000;
/** Entries of an index that are kept for the answer; the count is always told. */
const ENTRY_COUNT_MAX = 100_000;

/** @throws GraftError `corrupt`, naming file and offset · `invalid-argument`: a newer format */
export function describeIndexFile(file: File, path: string): Inspection {
  const entries: Facts[] = [];
  const index = examineIndexFile(file, path, (page, version, location) => {
    if (entries.length < ENTRY_COUNT_MAX)
      entries.push({ page, version, place: placeText(location) });
  });
  const { generation, volumeId, pageSize, entryCount, state } = index;
  const facts: Facts = {
    volume: volumeId,
    generation,
    pageSize: pageSize === 0 ? "not known yet" : pageSize,
    size: file.size(),
    ...stateFacts(state),
    entryCount,
    entries,
  };
  return { kind: "local store index", facts };
}

/** As `describeIndexFile`; damage is told with the records before it. */
export function describeLogFile(file: File, path: string): Inspection {
  const records: Facts[] = [];
  const log = examineLogFile(file, path, (record) => {
    if (records.length < ENTRY_COUNT_MAX) records.push(recordFacts(records.length + 1, record));
  });
  const size = file.size();
  const facts: Facts = {
    volume: log.volumeId,
    generation: log.generation,
    size,
    endOffset: log.endOffset,
    unacknowledgedTail: size === log.endOffset ? undefined : `${size - log.endOffset} bytes`,
    recordCount: log.recordCount,
    records,
  };
  return { kind: "local store log", facts };
}

/** How much of which log is durable. */
export function describeSyncedMark(file: File): Inspection {
  const mark = examineSyncedMark(file);
  const facts: Facts =
    mark === undefined
      ? { says: "nothing: it is torn, which is legal" }
      : { generation: mark.generation, durableBytes: mark.size };
  return { kind: "local store synced mark", facts };
}

/** "slot 7", "log at 4096", … */
export function placeText(location: number): string {
  if (location === ZEROS) return "does not exist";
  if (location === MISSING) return "not here";
  return location < LOG_FIRST ? `slot ${location}` : `log at ${(location - LOG_FIRST) * 8}`;
}

function recordFacts(
  record: number,
  { bodyOffset, bodySize, change }: LogRecordExamination,
): Facts {
  const common: Facts = { record, offset: bodyOffset, size: bodySize, change: change.kind };
  switch (change.kind) {
    case "commit":
    case "fetched": {
      const { version } = change;
      const pages = Array.from(change.pages, ([page, location]) => ({
        page,
        place: placeText(location),
      }));
      if (change.kind === "fetched")
        return { ...common, version, fetchedPages: pages.length, pages };
      const { pageCount, message, appTransactionId } = change;
      return { ...common, version, pageCount, message, appTransactionId, pages };
    }
    case "pull":
    case "merge":
    case "reset":
      return {
        ...common,
        version: change.version,
        lsn: change.remote?.lsn,
        changed: change.changed,
      };
    case "prepare":
      return { ...common, version: change.toVersion, commitId: change.commitId };
    case "complete":
      return { ...common, lsn: change.remote.lsn };
    case "end":
      return { ...common, diverged: change.isDiverged };
    case "dropped":
      return { ...common, changed: change.pages };
    case "uploaded":
      return {
        ...common,
        keptSegments: change.keptCount,
        segments: change.segments.map(({ segmentId }) => segmentId),
      };
    case "reserve":
      return {
        ...common,
        opener: change.opener,
        slots: change.extents.map(({ first, count }) => `${first} … ${first + count - 1}`),
      };
    case "continue": {
      const { generation, size, sequence, moved } = change;
      return { ...common, generation, endOffset: size, sequence, movedPageCount: moved.length };
    }
  }
}
