import type { Clock } from "../clock.ts";
import type { Compute } from "../compute.ts";
import { SimulatedClock } from "./simulated-clock.ts";

/**
 * Work on other threads that takes no simulated time: on a busy machine a clock that jumps when
 * nothing seems to run would otherwise jump over every deadline meanwhile. With any other clock it
 * is `compute` itself.
 */
export function createStillCompute(compute: Compute, clock: Clock): Compute {
  if (!(clock instanceof SimulatedClock)) return compute;
  return {
    sha256: (...parts) => compute.sha256(...parts),
    digest: (...parts) => clock.standStill(compute.digest(...parts)),
    compress: (bytes) => clock.standStill(compute.compress(bytes)),
    decompress: (bytes, size) => clock.standStill(compute.decompress(bytes, size)),
  };
}
