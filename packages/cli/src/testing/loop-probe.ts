/**
 * Loaded before a server (`--import`), says on SIGUSR2 what the longest turn of its event loop was
 * since the last time, in ms of this thread's own processor time: what the machine gives to others
 * meanwhile is not counted.
 */
const LOOK_MS = 2;

let last = process.threadCpuUsage();
let longestMs = 0;

setInterval(() => {
  const now = process.threadCpuUsage();
  longestMs = Math.max(longestMs, (now.user + now.system - last.user - last.system) / 1000);
  last = now;
}, LOOK_MS).unref();

process.on("SIGUSR2", () => {
  process.stderr.write(`longest turn: ${longestMs.toFixed(3)} ms\n`);
  longestMs = 0;
});
