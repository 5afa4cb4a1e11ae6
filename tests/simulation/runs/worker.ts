/** A process that carries out runs, one at a time, for its parent. */
import { flushCompileCache } from "node:module";
import type { SimulationOptions } from "../simulate.ts";
import { carryOut } from "./outcome.ts";

/** Errors are part of every day here, and their stacks dear: what fails runs again to tell more. */
Error.stackTraceLimit = 3;
flushCompileCache();

process.on("message", async (run: SimulationOptions) => {
  process.send?.(await carryOut(run));
});
