/**
 * Gives pages new slots before a generation begins: those in the log, which ends with its
 * generation, and those at the end of a file that has become too large for what it holds.
 */
import { ABSENT, LOCATION_MAX, type PageVersion } from "../history/page-chains.ts";
import { corruptFile } from "./corrupt-file.ts";
import { isInLog, isSlot } from "./location.ts";
import { logPlaceOf } from "./log-places.ts";
import type { StoreDisk } from "./store-disk.ts";

/**
 * Room for pages to come that a file is left with when it is made shorter: this share, and 1 MiB.
 */
const SPARE_SHARE = 1 / 32;
const SPARE_SIZE = 1024 * 1024;
/** Bytes one switch moves within the file: some 0.1 s. What is left moves with the next. */
const MOVE_SIZE_MAX = 32 * 1024 * 1024;

/** Page versions with their new locations, by the old ones. */
export type Moved = Map<number, PageVersion>;

/** Whether the file has many more slots than pages. */
export function isSparse(disk: StoreDisk): boolean {
  return disk.pages.slots.count > slotCountGoal(disk) * (1 + SPARE_SHARE);
}

/** Copies the pages that must move, or should. Not flushed. When it throws, nothing was moved. */
export function movePages(disk: StoreDisk): Moved {
  const moved: Moved = new Map();
  try {
    moveOutOfLog(disk, moved);
    if (isSparse(disk)) moveForward(disk, moved);
    return moved;
  } catch (error) {
    undoMoves(disk, moved);
    throw error;
  }
}

/** Frees the new slots, which nobody was told of. */
export function undoMoves(disk: StoreDisk, moved: Moved): void {
  for (const { location } of moved.values()) {
    if (isSlot(location)) disk.pages.slots.giveBack(location);
  }
}

function moveOutOfLog(disk: StoreDisk, moved: Moved): void {
  const { history } = disk.replica;
  for (const { page, version, location } of history.chains.all()) {
    if (!isInLog(location)) continue;
    const { file, offset } = logPlaceOf(location, disk.log, disk.earlierLogs);
    const slot = disk.pages.moveHere(file, offset, page, version);
    if (slot === undefined && version > history.epoch.start) {
      const path = disk.files.log(disk.log.generation);
      throw corruptFile(path, offset, `page ${page} of version ${version} fails its checksum`);
    }
    moved.set(location, { page, version, location: slot ?? ABSENT });
  }
}

/** From the end of the file into free slots before it. */
function moveForward(disk: StoreDisk, moved: Moved): void {
  const { pages, replica } = disk;
  const goal = slotCountGoal(disk);
  let left = Math.floor(MOVE_SIZE_MAX / pages.imageSize);
  pages.slots.rewind();
  for (const { page, version, location } of replica.history.chains.all()) {
    if (!isSlot(location) || location < goal) continue;
    if (left-- === 0) return;
    const slot = pages.moveWithin(location, page, version, goal);
    if (slot === "full") return;
    if (slot !== "damaged") moved.set(location, { page, version, location: slot });
  }
}

/** How many slots the file should have. */
function slotCountGoal({ pages, replica }: StoreDisk): number {
  return Math.ceil(
    replica.history.storedCount * (1 + SPARE_SHARE) + SPARE_SIZE / Math.max(1, pages.imageSize),
  );
}

/** Tells the history where the pages are now. */
export function applyMoves(disk: StoreDisk, moved: Moved): void {
  for (const { page, version, location } of moved.values()) {
    if (location < LOCATION_MAX) disk.replica.history.moveTo(page, version, location);
    else disk.replica.history.dropDamaged(page, version);
  }
}
