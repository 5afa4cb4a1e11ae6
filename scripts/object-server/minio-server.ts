/** A MinIO server of its own for one test run: free port, empty temporary folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BUCKET = "graft-test";
const CREDENTIALS = { AWS_ACCESS_KEY_ID: "graft-test", AWS_SECRET_ACCESS_KEY: "graft-test-secret" };

/** A cold start takes 0.5 s; on a machine busy with a build, several. */
const START_MS_MAX = 60_000;
const POLL_MS = 50;

/**
 * Ends the server and its folder with us, also when we are killed: then the pipe on its standard
 * input closes, and `cat` returns.
 */
const KEEPER = 'data="$1"; shift; "$@" & cat >/dev/null; kill -9 $!; wait; rm -rf "$data"';

/** A running server, and how tests reach it. */
export interface MinioServer {
  /** For `GRAFT_TEST_S3_URL`: `s3://bucket?endpoint=…&region=…`, without credentials. */
  readonly url: string;
  /** `AWS_*` variables. */
  readonly credentials: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * Starts the program and waits until it answers. Throws with its log when it does not. To `stop` it
 * is to kill it. With a folder it goes on with what is there, and leaves it there.
 */
export async function startMinioServer(program: string, folder?: string): Promise<MinioServer> {
  const data = folder ?? mkdtempSync(join(tmpdir(), "graft-minio-"));
  // A bucket is a folder.
  mkdirSync(join(data, "objects", BUCKET), { recursive: true });
  const address = `127.0.0.1:${await findFreePort()}`;
  const keeper = startKeeper(program, { data, address, isKept: folder !== undefined });
  const stop = async (): Promise<void> => {
    await stopKeeper(keeper);
    if (folder === undefined) rmSync(data, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(`http://${address}/minio/health/ready`, keeper);
  } catch (cause) {
    const log = readFileSync(join(data, "log"), "utf8").trim();
    await stop();
    throw new Error(`MinIO does not answer on ${address}; its log: ${log}`, { cause });
  }
  const url = `s3://${BUCKET}?endpoint=http://${address}&region=us-east-1`;
  return { url, credentials: CREDENTIALS, stop };
}

function startKeeper(
  program: string,
  place: { readonly data: string; readonly address: string; readonly isKept: boolean },
): ChildProcess {
  const { data, address, isKept } = place;
  const log = openSync(join(data, "log"), "a");
  const folders = ["--certs-dir", join(data, "certs"), join(data, "objects")];
  const command = [program, "server", "--quiet", "--address", address, ...folders];
  try {
    return spawn("sh", ["-c", KEEPER, "sh", isKept ? "" : data, ...command], {
      stdio: ["pipe", log, log],
      // Ctrl-C goes to a whole process group, and would end the keeper before its work.
      detached: true,
      env: {
        ...process.env,
        MINIO_ROOT_USER: CREDENTIALS.AWS_ACCESS_KEY_ID,
        MINIO_ROOT_PASSWORD: CREDENTIALS.AWS_SECRET_ACCESS_KEY,
        MINIO_BROWSER: "off",
        MINIO_UPDATE: "off",
      },
    });
  } finally {
    closeSync(log);
  }
}

async function stopKeeper(keeper: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => keeper.once("exit", () => resolve()));
  if (keeper.exitCode === null && keeper.signalCode === null) {
    keeper.stdin?.end();
    await gone;
  }
}

async function waitUntilReady(url: string, keeper: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + START_MS_MAX;
  while (performance.now() < deadlineMs) {
    if (keeper.exitCode !== null) throw new Error(`it ended with ${keeper.exitCode}`);
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
      await answer.arrayBuffer();
      if (answer.ok) return;
    } catch (error) {
      // Refused while it starts; anything else would not pass by waiting.
      if (!(error instanceof TypeError) && !(error instanceof DOMException)) throw error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`no answer within ${START_MS_MAX} ms`);
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("expected a TCP port");
  return address.port;
}
