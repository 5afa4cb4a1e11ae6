/** A replica as an index has it: the part of an opening that is paid for every page. */
import { InvariantError, type PageSize, toPageSize } from "@graft/core";
import { Epoch } from "../history/epoch.ts";
import type { Location } from "../history/page-chains.ts";
import { pagesOfCommits, Replica } from "../replica.ts";
import { corruptFile, decodingFile } from "./corrupt-file.ts";
import { type IndexFile, readIndexEntries, readIndexState } from "./index-file.ts";

export interface LoadedIndex {
  readonly replica: Replica;
  /** Undefined when it was not known yet. */
  readonly pageSize: PageSize | undefined;
  /** Position of offset 0 of its log. */
  readonly start: number;
  /** Whether its log may take any record. */
  readonly isCurrent: boolean;
}

/**
 * @param release called with the places of pages that nobody can name any more
 * @param roomFor how many pages the replica may come to have, with a page size and so many entries
 * @throws GraftError `corrupt` · `invalid-argument`: a newer format, or another volume's file
 */
export function loadIndex(
  index: IndexFile,
  release: (location: Location) => void,
  roomFor: (pageSize: PageSize | undefined, entryCount: number) => number,
): LoadedIndex {
  const { header, state } = readIndexState(index);
  const { start, stale, refreshed, floors } = state;
  const { remote, pending } = state.state;
  const carried = pagesOfCommits(pending.filter(({ version }) => version < start));
  const epoch = new Epoch({ remote, start, stale, refreshed, carried });
  const { readReplay } = index;
  const replica = new Replica({
    release,
    state: state.state,
    floors,
    epoch,
    ...(readReplay !== undefined && { readReplay }),
  });
  const { history } = replica;
  const toSize = (): PageSize | undefined =>
    header.pageSize === 0 ? undefined : toPageSize(header.pageSize);
  const pageSize = decodingFile(index.path, 12, toSize);
  history.chains.table.reserve(roomFor(pageSize, header.entryCount));
  try {
    readIndexEntries(index, header, (page, version, location) => {
      history.load(page, version, location);
    });
    history.settleLoaded();
  } catch (error) {
    if (!(error instanceof InvariantError)) throw error;
    throw corruptFile(index.path, 0, `its entries do not fit together: ${error.message}`, error);
  }
  return { replica, pageSize, start: header.start, isCurrent: header.isCurrent };
}
