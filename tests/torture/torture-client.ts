/**
 * One of the clients of the torture: it has a data directory of its own, moves money, reads, pushes
 * and pulls, until it is killed, and checks every snapshot it sees.
 *
 * stdout, one line each: `ready`; `try <sequence>` before a transaction; `commit <sequence>` when,
 * and only when, its COMMIT has returned; `remote <sequence>` when, and only when, a push that
 * holds it was answered; `did <action>`.
 */
import { setTimeout as wait } from "node:timers/promises";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { isSound, rewriteBook, SNAPSHOT_SQL, transfer } from "../harness/bank.ts";
import { mustBePassing } from "../harness/must-be-passing.ts";
import type { ClientOrder } from "./client-order.ts";

const [orderText = ""] = process.argv.slice(2);
// Without an order it only loads what it is made of.
if (orderText === "") process.exit(0);
const order = JSON.parse(orderText) as ClientOrder;
const random = new SeededRandom(order.seed);
const db = await openDatabase({
  sync: "manual",
  path: order.path,
  url: order.url,
  volume: order.volume,
  tag: "bank",
  busyTimeoutMs: 30_000,
});
let sequence = order.firstSequence;
/** Acknowledged in this life, and not yet said to be remote or given up. */
let waiting: number[] = [];
say("ready");

const PAUSE_MS_MAX = 60;
const ACTIONS: readonly (readonly [name: string, weight: number, run: () => Promise<void>])[] = [
  ["write", 60, () => write(transfer)],
  ["rewrite", 2, () => write(rewriteBook)],
  ["read", 20, read],
  ["push", 15, push],
  ["pull", 10, async () => void (await db.pull())],
];
const WEIGHT_SUM = ACTIONS.reduce((sum, [, weight]) => sum + weight, 0);

for (;;) {
  const [name, , run] = pickAction();
  try {
    await run();
    say(`did ${name}`);
  } catch (error) {
    const code = mustBePassing(error);
    say(`met ${code}`);
    if (code === "diverged") await reset().catch(mustBePassing);
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
  await db.transaction((tx) => how(tx, random, { process: order.member, sequence: mine }));
  waiting.push(mine);
  say(`commit ${mine}`);
}

async function read(): Promise<void> {
  const row = await db.prepare(SNAPSHOT_SQL).get();
  if (!isSound(row)) throw new Error(`an unsound snapshot: ${JSON.stringify(row)}`);
}

async function push(): Promise<void> {
  const before = waiting;
  waiting = [];
  try {
    await db.push();
  } catch (error) {
    waiting = [...before, ...waiting];
    throw error;
  }
  for (const each of before) say(`remote ${each}`);
}

/** Local work is saved as a file: nothing that was acknowledged is lost. */
async function reset(): Promise<void> {
  await db.reset();
  waiting = [];
  say("did reset");
}
