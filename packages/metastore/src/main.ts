/**
 * A MetaStore process: set up by its environment, ended by SIGTERM or SIGINT after calls were
 * drained.
 */
import { once } from "node:events";
import { isGraftError } from "@graft/core";
import { nodeCompute, nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { pino } from "pino";
import { parseMetastoreConfig } from "./config.ts";
import { serveMetastore } from "./serve.ts";

try {
  const config = parseMetastoreConfig(process.env);
  const log = pino({ level: config.logLevel, base: { service: "metastore" } });
  await using _server = await serveMetastore(config, {
    clock: systemClock,
    random: systemRandom,
    compute: nodeCompute,
    fileSystem: nodeFileSystem,
    env: process.env,
    log,
  });
  await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
} catch (error) {
  if (!isGraftError(error)) throw error;
  process.stderr.write(`graft metastore: ${error.message}\n`);
  process.exitCode = error.code === "invalid-argument" ? 2 : 1;
}
