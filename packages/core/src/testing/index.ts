/** Time, entropy and disks that tests hold in their hands. */
export { SeededRandom } from "./seeded-random.ts";
export { SimulatedClock, type SimulatedClockOptions, settle } from "./simulated-clock.ts";
