import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { SlowFirst } from "./scripts/stages/slow-first.ts";

const source = { conditions: ["@graft/source", "module", "node", "import", "default"] };

/** Beside the source, and run with `scale`: what it measures needs the machine for itself. */
const FULL_LOAD = "packages/cli/src/server/full-load.integration.test.ts";

const PROCESSORS = availableParallelism();

/**
 * `unit` lies beside the source and touches no network, disk or real clock. `integration` may start
 * servers, open files and talk to MinIO. `simulation` replays whole clusters from a seed. `torture`
 * runs real processes, all of which are killed. `scale` moves gigabytes through real processes and
 * watches what they hold.
 */
const config: ViteUserConfig = defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        ssr: { resolve: { conditions: ["@graft/source"], externalConditions: ["@graft/source"] } },
        resolve: source,
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "scripts/**/*.test.ts",
            "tests/bench/**/*.test.ts",
          ],
          exclude: ["**/*.integration.test.ts", "**/node_modules/**"],
          // With fewer, as is vitest's custom, one of two processors is idle.
          maxWorkers: PROCESSORS,
          testTimeout: 30_000,
        },
      },
      {
        ssr: { resolve: { conditions: ["@graft/source"], externalConditions: ["@graft/source"] } },
        resolve: source,
        test: {
          name: "integration",
          include: [
            "packages/*/src/**/*.integration.test.ts",
            "tests/{e2e,conformance,docs}/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", FULL_LOAD],
          globalSetup: [
            "scripts/compile-cache.ts",
            "scripts/minio.ts",
            "scripts/nats.ts",
            "scripts/libgraft.ts",
          ],
          // One more than there are processors: a third of the time is spent waiting.
          maxWorkers: PROCESSORS + 1,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        ssr: { resolve: { conditions: ["@graft/source"], externalConditions: ["@graft/source"] } },
        resolve: source,
        test: {
          name: "simulation",
          include: ["tests/simulation/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          // The clusters have processes of their own, the power cuts have none.
          maxWorkers: PROCESSORS,
          testTimeout: 1_200_000,
        },
      },
      {
        ssr: { resolve: { conditions: ["@graft/source"], externalConditions: ["@graft/source"] } },
        resolve: source,
        test: {
          name: "torture",
          include: ["tests/torture/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
          globalSetup: ["scripts/compile-cache.ts"],
          // One at a time: each takes all the processors there are.
          fileParallelism: false,
          testTimeout: 300_000,
        },
      },
      {
        ssr: { resolve: { conditions: ["@graft/source"], externalConditions: ["@graft/source"] } },
        resolve: source,
        test: {
          name: "scale",
          include: ["tests/scale/**/*.test.ts", FULL_LOAD],
          exclude: ["**/node_modules/**"],
          // One at a time: each fills the disk's and the machine's memory with its own gigabytes.
          fileParallelism: false,
          testTimeout: 1_200_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});

export default config;
