/** A process that carries out runs, one at a time, for its parent. */
import type { SimulationOptions } from "../simulate.ts";
import { carryOut } from "./outcome.ts";

process.on("message", async (run: SimulationOptions) => {
  process.send?.(await carryOut(run));
});
