/** Which compilers and interpreters are there. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Program } from "./program.ts";

/** The path of a command on PATH; undefined when it is not there. */
export function findTool(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** By the first of its names: the path of each tool a program needs, undefined when missing. */
export function findTools(program: Program): ReadonlyMap<string, string | undefined> {
  return new Map(
    program.tools.map((tool) => {
      const names = typeof tool === "string" ? [tool] : tool;
      const found = names.map(findTool).find((path) => path !== undefined);
      return [names[0] ?? "", found];
    }),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
