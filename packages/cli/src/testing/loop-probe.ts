/**
 * Loaded before a server (`--import`), says on SIGUSR2 how long the turns of its event loop were
 * since the last time, in ms of this thread's own processor time: what the machine gives to others
 * meanwhile is not counted.
 */
const LOOK_MS = 2;
const LONG_MS = 20;

let last = process.threadCpuUsage();
let turns = { count: 0, longestMs: 0, longCount: 0 };

setInterval(() => {
  const now = process.threadCpuUsage();
  const ms = (now.user + now.system - last.user - last.system) / 1000;
  last = now;
  turns.count++;
  turns.longestMs = Math.max(turns.longestMs, ms);
  if (ms > LONG_MS) turns.longCount++;
}, LOOK_MS).unref();

process.on("SIGUSR2", () => {
  process.stderr.write(`turns: ${JSON.stringify(turns)}\n`);
  turns = { count: 0, longestMs: 0, longCount: 0 };
});
