import type { MetricsRegistry } from "./metrics.ts";

/** The version of these packages: that of their package.json, which a test holds it to. */
export const BUILD_VERSION = "0.1.0";

/** `graft_build_info{version}` is 1: how an operator, and `graft doctor`, see what runs where. */
export function registerBuildInfo(registry: MetricsRegistry): void {
  const help = "The version of the server, as a label.";
  registry.gauge("graft_build_info", help).set({ version: BUILD_VERSION }, 1);
}
