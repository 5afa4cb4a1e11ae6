// What tools that only look need of a data directory. Nothing here writes to a disk.
export {
  countDirectoryUsers,
  type DirectoryExamination,
  examineDirectory,
  keepOthersOut,
} from "./examine-directory.ts";
export {
  examineStore,
  type StoredPageVersion,
  type StoreExamination,
} from "./examine-store.ts";
export {
  examineIndexFile,
  examineLogFile,
  examineSyncedMark,
  type IndexExamination,
  type LogExamination,
  type LogRecordExamination,
} from "./examine-store-file.ts";
export { ReadOnlyOverlay } from "./read-only-overlay.ts";
