/**
 * The yardstick: a bare `node:http` server in a process of its own, which reads each request to its
 * end and answers the same bytes to all. Run as a program it is that process: it takes the bytes
 * from its parent, and says on which port it listens.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

export interface BareServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Starts the process. */
export async function startBareServer(body: Uint8Array): Promise<BareServer> {
  const child = fork(fileURLToPath(import.meta.url), { stdio: "inherit" });
  child.send(Buffer.from(body).toString("base64"));
  const [port] = (await once(child, "message")) as [number];
  return {
    port,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

if (import.meta.main) {
  process.once("disconnect", () => process.exit());
  process.once("message", (base64: string) => serve(Buffer.from(base64, "base64")));
}

function serve(body: Uint8Array): void {
  const headers = { "content-type": "application/x-protobuf", "content-length": body.length };
  const server = http.createServer((request, response) => {
    request.resume().once("end", () => response.writeHead(200, headers).end(body));
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}
