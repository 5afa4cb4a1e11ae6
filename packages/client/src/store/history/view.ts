import type { Epoch } from "./epoch.ts";

/** What a pin holds. */
export interface View {
  readonly version: number;
  readonly pageCount: number;
  readonly epoch: Epoch;
}

/** A change of the page count that comes with a version. */
export interface Resize {
  readonly version: number;
  readonly before: number;
  readonly after: number;
}
