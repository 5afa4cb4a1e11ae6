import { join } from "node:path";
import { ROOT } from "./repository/files.ts";

/**
 * vitest's global set-up: programs that tests start keep what Node compiled, and take it from
 * there when the source is still the same. To start `graft` costs half as much then. A folder that
 * is named by `NODE_COMPILE_CACHE` already stays.
 */
export function setup(): void {
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, "node_modules/.cache/graft-compiled");
}
