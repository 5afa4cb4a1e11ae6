/**
 * The real clock, entropy, disks and threads of Node. Only `main.ts` files and `./node` entries use
 * it.
 */
export { nodeCompute } from "./node-compute.ts";
export { nodeFileSystem } from "./node-file-system.ts";
export { systemClock } from "./system-clock.ts";
export { systemRandom } from "./system-random.ts";
