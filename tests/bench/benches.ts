import type { Bench } from "./bench.ts";
import { coldBench } from "./cold.ts";
import { commitBench } from "./commit.ts";
import { costBench } from "./cost.ts";
import { idleBench } from "./idle.ts";
import { importBench } from "./import.ts";
import { loadBench } from "./load.ts";
import { openBench } from "./open.ts";
import { pullBench } from "./pull.ts";
import { pushBench } from "./push.ts";
import { storeBench } from "./store.ts";
import { tracesBench } from "./traces.ts";
import { visibilityBench } from "./visibility.ts";
import { warmBench } from "./warm.ts";
import { watchFanoutBench } from "./watch-fanout.ts";

/** All measurements, in the order they run. */
export const BENCHES: readonly Bench[] = [
  warmBench,
  storeBench,
  commitBench,
  importBench,
  coldBench,
  openBench,
  pushBench,
  pullBench,
  visibilityBench,
  idleBench,
  watchFanoutBench,
  loadBench,
  costBench,
  tracesBench,
];
