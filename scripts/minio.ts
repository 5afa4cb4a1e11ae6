/**
 * The object store of S3 tests: `GRAFT_TEST_S3_URL` where it is set (with `AWS_*` credentials),
 * else a MinIO server of our own, started from `minio` on PATH or in the cache folder
 * (`$XDG_CACHE_HOME/graft-minio`). With `GRAFT_BUILD_MINIO=1` it is built there once, with Go. When
 * there is none the S3 suites report themselves as skipped.
 *
 * - vitest runs `setup` once before the integration tests.
 * - `node scripts/minio.ts` builds what is missing, starts a server and prints how to use it, until
 *   it is interrupted. `node scripts/minio.ts build` only builds.
 */
import { buildMinio, findMinio } from "./object-server/minio-binary.ts";
import { type MinioServer, startMinioServer } from "./object-server/minio-server.ts";

let running: MinioServer | undefined;

/** A server for tests; undefined when no program is there and none is to be built. */
export async function startMinio(): Promise<MinioServer | undefined> {
  const program = findMinio() ?? (process.env.GRAFT_BUILD_MINIO === "1" ? buildMinio() : undefined);
  return program === undefined ? undefined : await startMinioServer(program);
}

/** vitest's global set-up: its workers inherit the environment. */
export async function setup(): Promise<void> {
  if (isGiven(process.env.GRAFT_TEST_S3_URL)) return;
  running = await startMinio();
  if (running === undefined) return;
  Object.assign(process.env, running.credentials, { GRAFT_TEST_S3_URL: running.url });
}

/** vitest's global tear-down. */
export async function teardown(): Promise<void> {
  await running?.stop();
}

if (import.meta.main) await main(process.argv.slice(2));

async function main([command]: readonly string[]): Promise<void> {
  const program = findMinio() ?? buildMinio();
  console.log(`MinIO: ${program}`);
  if (command === "build") return;
  const server = await startMinioServer(program);
  const variables = { ...server.credentials, GRAFT_TEST_S3_URL: server.url };
  for (const [name, value] of Object.entries(variables)) console.log(`export ${name}='${value}'`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void server.stop());
}

function isGiven(text: string | undefined): boolean {
  return text !== undefined && text !== "";
}
