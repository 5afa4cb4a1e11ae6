import type { File } from "@graft/core";

/** An open file that is only read. */
export type ByteSource = Pick<File, "read" | "size" | "close">;
