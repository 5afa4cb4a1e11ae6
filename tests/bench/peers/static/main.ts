/**
 * A folder over HTTP/1.1, with ranges: what any static host does. argv: the folder. The first line
 * of stdout is the address.
 */
import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";

const [folder = "."] = process.argv.slice(2);

const server = createServer(serve);
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
// Without those who started it nobody would end it.
process.stdin.resume().on("end", () => process.exit(0));

function serve({ url = "/", method, headers }: IncomingMessage, answer: ServerResponse): void {
  const path = join(folder, basename(url));
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) {
    answer.writeHead(404).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = Math.min(size - 1, last === undefined || last === "" ? size - 1 : Number(last));
  answer.writeHead(first === undefined ? 200 : 206, {
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-store",
    "Content-Type": "application/octet-stream",
    "Content-Length": end - start + 1,
    ...(first !== undefined && { "Content-Range": `bytes ${start}-${end}/${size}` }),
  });
  if (method === "HEAD") answer.end();
  else createReadStream(path, { start, end }).pipe(answer);
}
