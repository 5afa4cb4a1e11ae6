import { GraftError } from "@graft/core";

/** The error for a database file that does not hold together, naming the page where it shows. */
export function damaged(path: string, page: number, why: string): GraftError {
  return new GraftError("corrupt", `"${path}" is damaged at page ${page}: ${why}`, {
    details: { path, page },
  });
}
