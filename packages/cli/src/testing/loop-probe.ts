/**
 * Loaded before a server (`--import`), says on SIGUSR2 how long the turns of its event loop were
 * since the last time, in ms of this thread's own processor time: what the machine gives to others
 * meanwhile is not counted.
 */
import { threadMs } from "./thread-clock.ts";

const LOOK_MS = 2;
const LONG_MS = 20;

let lastMs = threadMs();
let turns = { count: 0, longestMs: 0, longCount: 0 };

setInterval(() => {
  const nowMs = threadMs();
  const ms = nowMs - lastMs;
  lastMs = nowMs;
  turns.count++;
  turns.longestMs = Math.max(turns.longestMs, ms);
  if (ms > LONG_MS) turns.longCount++;
}, LOOK_MS).unref();

process.on("SIGUSR2", () => {
  process.stderr.write(`turns: ${JSON.stringify(turns)}\n`);
  turns = { count: 0, longestMs: 0, longCount: 0 };
});
