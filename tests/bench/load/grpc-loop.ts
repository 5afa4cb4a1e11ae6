/** The same clients as in `closed-loop.ts`, speaking gRPC: a stream a call on HTTP/2. */
import * as http2 from "node:http2";
import type { LoadOptions, LoadRequest } from "./closed-loop.ts";

/** Calls answered a second, by all clients together. Any status but 0 ends it. */
export async function grpcCallsASecond(options: LoadOptions): Promise<number> {
  const sessions = Array.from({ length: options.clients }, () =>
    http2.connect(`http://127.0.0.1:${options.port}`, {
      settings: { initialWindowSize: 8 * 1024 * 1024 },
    }),
  );
  try {
    const start = performance.now();
    const endMs = start + options.durationMs;
    const counts = await Promise.all(
      sessions.map(async (session, client) => {
        let count = 0;
        for (; performance.now() < endMs; count++) await call(session, options.next(client));
        return count;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - start) / 1000);
  } finally {
    for (const session of sessions) session.destroy();
  }
}

function call(session: http2.ClientHttp2Session, { path, body }: LoadRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc+proto",
      te: "trailers",
    });
    const check = (headers: http2.IncomingHttpHeaders): void => {
      const status = headers["grpc-status"];
      if (status === undefined || status === "0") return;
      reject(new Error(`${path} was answered ${status}: ${String(headers["grpc-message"])}`));
    };
    stream.on("response", check).on("trailers", check);
    stream.on("error", reject).on("end", resolve).resume();
    const envelope = Buffer.alloc(5 + body.length);
    envelope.writeUInt32BE(body.length, 1);
    envelope.set(body, 5);
    stream.end(envelope);
  });
}
