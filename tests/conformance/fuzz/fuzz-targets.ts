/** Everything of ours that takes bytes from strangers, by name. */
import type { FuzzTarget } from "./fuzz-target.ts";
import { frameCacheTarget } from "./targets/frame-cache-target.ts";
import { databaseTarget, importTarget, importWalTarget } from "./targets/import-target.ts";
import { inspectTarget } from "./targets/inspect-target.ts";
import { pageSetTarget, splinterTarget } from "./targets/page-set-target.ts";
import {
  checkpointBlockTarget,
  checkpointRootTarget,
  commitTarget,
  volumeTarget,
} from "./targets/record-target.ts";
import { frameTarget, segmentTarget, zstdTarget } from "./targets/segment-target.ts";
import {
  storeIndexTarget,
  storeLogTarget,
  storeMarkTarget,
  storeOpenTarget,
} from "./targets/store-target.ts";
import {
  headHintTarget,
  namesTarget,
  objectKeyTarget,
  sqlTextTarget,
} from "./targets/text-target.ts";
import { wireAnswerTarget, wireRequestTarget } from "./targets/wire-target.ts";

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  splinterTarget,
  pageSetTarget,
  namesTarget,
  objectKeyTarget,
  headHintTarget,
  sqlTextTarget,
  volumeTarget,
  commitTarget,
  checkpointRootTarget,
  checkpointBlockTarget,
  segmentTarget,
  frameTarget,
  zstdTarget,
  wireRequestTarget,
  wireAnswerTarget,
  storeLogTarget,
  storeIndexTarget,
  storeMarkTarget,
  storeOpenTarget,
  frameCacheTarget,
  importTarget,
  importWalTarget,
  databaseTarget,
  inspectTarget,
];

/** @throws when there is none of that name */
export function mustTarget(name: string): FuzzTarget {
  const found = FUZZ_TARGETS.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = FUZZ_TARGETS.map((target) => target.name).join(", ");
  throw new Error(`no fuzz target "${name}": there are ${names}`);
}
