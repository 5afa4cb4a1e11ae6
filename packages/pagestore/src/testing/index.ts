/** Volumes without a MetaStore. */
export { LogCommitSource } from "./log-commit-source.ts";
export { VolumeWriter, type VolumeWriterMeans, type WrittenCommit } from "./volume-writer.ts";
