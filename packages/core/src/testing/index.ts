/** Time, entropy and disks that tests hold in their hands. */
export {
  arbitraryBytes,
  arbitraryClientId,
  arbitraryCommitId,
  arbitraryLsn,
  arbitraryPage,
  arbitraryPageCount,
  arbitraryPageData,
  arbitraryPageIndex,
  arbitraryPageSet,
  arbitraryPageSize,
  arbitrarySegmentId,
  arbitraryVolumeId,
} from "./arbitraries.ts";
export type { DiskFault, DiskOperation } from "./disk/disk-faults.ts";
export { SECTOR_SIZE } from "./disk/file-node.ts";
export type { SimulatedFileSystem } from "./disk/simulated-file-system.ts";
export { SeededRandom } from "./seeded-random.ts";
export { SimulatedClock, type SimulatedClockOptions, settle } from "./simulated-clock.ts";
export { SimulatedDisk, type SimulatedDiskOptions } from "./simulated-disk.ts";
export { createStillCompute } from "./still-compute.ts";
