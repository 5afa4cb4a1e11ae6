/**
 * One of the clients of the torture: it has a data directory of its own, which syncs by itself, and
 * moves money, notes and reads until it is killed; it checks every snapshot it sees.
 *
 * stdout, one line each: `ready`; `try <sequence>` before a transaction; `commit <sequence>` when,
 * and only when, its COMMIT has returned; `remote <sequence>` when it was told that it is on the
 * server; `did <action>`, and `met <error>`.
 */
import { setTimeout as wait } from "node:timers/promises";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { primaryCode, SqliteError } from "@graft/sqlite-engine";
import { mustBePassing } from "../harness/must-be-passing.ts";
import { type ClientOrder, TORTURE_TAG } from "./client-order.ts";
import { findUnsound, note, transfer } from "./workload.ts";

const SQLITE_CONSTRAINT = 19;
const PAUSE_MS_MAX = 80;

const [orderText = ""] = process.argv.slice(2);
// Without an order it only loads what it is made of.
if (orderText === "") process.exit(0);
const order = JSON.parse(orderText) as ClientOrder;
const random = new SeededRandom(order.seed);
const { path, url, volume, onConflict } = order;
const db = await openDatabase({
  ...{ path, url, volume, onConflict },
  tag: TORTURE_TAG,
  busyTimeoutMs: 30_000,
});
let sequence = order.firstSequence;
/** What is being committed, and what was, by the name that the database has for it. */
let writing = 0;
const sequences = new Map<string, number>();
db.on("transaction", ({ fate, appTransactionId, version }) => {
  const name = appTransactionId ?? `version ${version}`;
  if (fate === "local") {
    if (writing > 0) sequences.set(name, writing);
    return;
  }
  say(`did ${fate}`);
  const known = sequences.get(name);
  if (fate === "pushed" && known !== undefined) say(`remote ${known}`);
  if (fate !== "merged" && fate !== "rebased") sequences.delete(name);
});
db.on("conflict", () => say("met conflict"));
say("ready");

const ACTIONS: readonly (readonly [name: string, weight: number, run: () => Promise<void>])[] = [
  ["note", 45, () => write(note)],
  ["transfer", 25, () => write(transfer)],
  ["read", 20, read],
  ["push", 3, async () => void (await db.push())],
  ["pull", 3, async () => void (await db.pull())],
];
const WEIGHT_SUM = ACTIONS.reduce((sum, [, weight]) => sum + weight, 0);

for (;;) {
  const [name, , run] = pickAction();
  try {
    await run();
    say(`did ${name}`);
  } catch (error) {
    say(`met ${isConstraint(error) ? "constraint" : mustBePassing(error)}`);
  }
  await wait(random.integer(0, PAUSE_MS_MAX));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function pickAction(): (typeof ACTIONS)[number] {
  let at = random.unit() * WEIGHT_SUM;
  for (const action of ACTIONS) {
    at -= action[1];
    if (at < 0) return action;
  }
  throw new Error("the weights add up");
}

async function write(how: typeof transfer): Promise<void> {
  const mine = sequence++;
  say(`try ${mine}`);
  writing = mine;
  try {
    await db.transaction((tx) => how(tx, random, { member: order.member, sequence: mine }));
  } finally {
    writing = 0;
  }
  say(`commit ${mine}`);
}

async function read(): Promise<void> {
  const fault = await findUnsound((sql) => db.prepare(sql).raw().all());
  if (fault !== undefined) throw new Error(`an unsound snapshot: ${fault}`);
}

/** The account would be overdrawn. */
function isConstraint(error: unknown): boolean {
  return error instanceof SqliteError && primaryCode(error.code) === SQLITE_CONSTRAINT;
}
