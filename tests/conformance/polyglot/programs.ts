/** The programs of `examples/`, in the order of the table in docs/protocol.md. */
import type { Program } from "./program.ts";
import { curl } from "./programs/curl.ts";
import { python } from "./programs/python.ts";

export const PROGRAMS: readonly Program[] = [curl, python];
