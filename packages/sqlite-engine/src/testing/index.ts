/** Doubles for tests of what stands on this package. */
export type { DelayedMemoryVfsOptions } from "./delayed-memory-vfs.ts";
export { DelayedMemoryVfs } from "./delayed-memory-vfs.ts";
