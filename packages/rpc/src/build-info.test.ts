import { expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { BUILD_VERSION, registerBuildInfo } from "./build-info.ts";
import { MetricsRegistry } from "./metrics.ts";

it("a server says the version of its package", () => {
  const metrics = new MetricsRegistry();
  registerBuildInfo(metrics);
  expect(metrics.render()).toContain(`graft_build_info{version="${BUILD_VERSION}"} 1`);
  expect(BUILD_VERSION).toBe(manifest.version);
});
