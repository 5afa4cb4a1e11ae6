/**
 * One of the processes of processes.test.ts: it uses a data directory that others use too, until it
 * is killed. It moves money between accounts, reads, pushes, pulls, hydrates and resets at random,
 * and checks every snapshot it sees.
 *
 * stdout, one line each: `ready`; `try <sequence>` before a transaction; `commit <sequence>
 * <version>` when, and only when, its COMMIT has returned; `did <action>` after each action that
 * succeeded. What breaks a promise ends it with an error.
 */
import { setTimeout as wait } from "node:timers/promises";
import { isGraftError } from "@graft/core";
import { SeededRandom } from "@graft/core/testing";
import { openDatabase } from "@graft/sqlite/node";
import { BOOK_ROW_COUNT, isSound, rewriteBook, SNAPSHOT_SQL, transfer } from "../harness/bank.ts";
import { mustBePassing } from "../harness/must-be-passing.ts";

const [path = "", url = "", processText = "0", firstText = "1", seedText = "1", cacheText = "0"] =
  process.argv.slice(2);
const processNumber = Number(processText);
const random = new SeededRandom(Number(seedText));
// Without a directory it only loads what it is made of.
if (path === "") process.exit(0);
const db = await openDatabase({
  sync: "manual",
  path,
  url,
  tag: "bank",
  cacheSizeMax: Number(cacheText),
  busyTimeoutMs: 30_000,
});
/** Pages are read from the store again and again. */
await db.exec("PRAGMA cache_size = 10");
let sequence = Number(firstText);
let version = 0;
db.on("commit", (event) => {
  version = event.version;
});
process.stdout.write("ready\n");

const ACTIONS: readonly (readonly [name: string, weight: number, run: () => Promise<void>])[] = [
  ["write", 60, () => write(transfer)],
  ["rewrite", 12, () => write(rewriteBook)],
  ["read", 15, read],
  ["long read", 12, readSlowly],
  ["push", 6, async () => void (await db.push())],
  ["pull", 6, async () => void (await db.pull())],
  ["hydrate", 1, async () => void (await db.hydrate())],
  ["reset", 1, async () => void (await db.reset())],
];
const WEIGHT_SUM = ACTIONS.reduce((sum, [, weight]) => sum + weight, 0);

for (;;) {
  const [name, , run] = pickAction();
  try {
    await run();
    process.stdout.write(`did ${name}\n`);
  } catch (error) {
    if (isGraftError(error, "diverged")) {
      // Its local work is saved as a file: nothing that was acknowledged is lost.
      if (random.chance(0.5)) await db.reset().catch(mustBePassing);
    } else {
      mustBePassing(error);
    }
  }
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
  process.stdout.write(`try ${mine}\n`);
  await db.transaction((tx) => how(tx, random, { process: processNumber, sequence: mine }));
  process.stdout.write(`commit ${mine} ${version}\n`);
}

async function read(): Promise<void> {
  const row = await db.prepare(SNAPSHOT_SQL).get();
  if (!isSound(row)) throw new Error(`an unsound snapshot: ${JSON.stringify(row)}`);
}

/** A snapshot that stays open while the others commit, evict and use slots again. */
async function readSlowly(): Promise<void> {
  const bytes = new Set<number>();
  let count = 0;
  for await (const body of db.prepare("SELECT body FROM book ORDER BY id").pluck().iterate()) {
    for (const byte of body as Uint8Array) bytes.add(byte);
    if (++count % 20 === 0) await wait(random.integer(0, 30));
  }
  if (bytes.size > 1 || count !== BOOK_ROW_COUNT) {
    throw new Error(`a torn book: ${[...bytes]} in ${count} rows`);
  }
}
