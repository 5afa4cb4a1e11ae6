import type { ServerResponse } from "node:http";
import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** Answers requests of either protocol, through Node's compatible interfaces. */
export type NodeHandler = ReturnType<typeof connectNodeAdapter>;
export type NodeRequest = Parameters<NodeHandler>[0];
export type NodeResponse = Parameters<NodeHandler>[1];

/** Answers with a whole body, never compressed, with its length. */
export function answer(
  response: NodeResponse,
  status: number,
  contentType: string,
  body: string | Uint8Array,
): void {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (response.destroyed || response.writableEnded) return;
  // The two response types agree on these calls, but not on their overloads.
  const common = response as unknown as ServerResponse;
  common.writeHead(status, { "content-type": contentType, "content-length": bytes.length });
  common.end(bytes);
}

/** Answers without a body. */
export function answerEmpty(
  response: NodeResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.writableEnded) return;
  const common = response as unknown as ServerResponse;
  common.writeHead(status, { "content-length": 0, ...headers });
  common.end();
}

/** The path of a request, without its query. */
export function pathOf(request: NodeRequest): string {
  const { url = "" } = request;
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
