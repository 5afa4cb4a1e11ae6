import type { Command } from "../command.ts";
import { clone } from "./clone.ts";
import { demo } from "./demo.ts";
import { demoReplica } from "./demo-replica.ts";
import { exportCommand } from "./export.ts";
import { fetch } from "./fetch.ts";
import { hydrate } from "./hydrate.ts";
import { importCommand } from "./import.ts";
import { log } from "./log.ts";
import { metastore } from "./metastore.ts";
import { pagestore } from "./pagestore.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { reset } from "./reset.ts";
import { serve } from "./serve.ts";
import { sql } from "./sql.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";

/** Every verb, in the order in which a person meets them. */
export const COMMANDS: readonly Command[] = [
  demo,
  start,
  serve,
  metastore,
  pagestore,
  importCommand,
  clone,
  sql,
  push,
  pull,
  status,
  log,
  fetch,
  hydrate,
  reset,
  exportCommand,
  demoReplica,
];
