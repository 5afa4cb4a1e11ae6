import type { Http2ServerRequest } from "node:http2";
import { answerEmpty, type NodeHandler, type NodeRequest } from "./node-handler.ts";

/**
 * Answers 400 to a request that names no host, or none that can be one. The adapter throws at such
 * a request from within an event, which would end the process.
 */
export function requireAuthority(handler: NodeHandler): NodeHandler {
  // Callers of one server nearly always name the same host.
  let lastGood: string | undefined;
  return (request, response) => {
    const authority = authorityOf(request);
    if (authority === undefined || (authority !== lastGood && !isHost(authority))) {
      request.resume();
      return answerEmpty(response, 400);
    }
    lastGood = authority;
    handler(request, response);
  };
}

function authorityOf(request: NodeRequest): string | undefined {
  const isHttp2 = "stream" in request;
  return isHttp2 ? (request as Http2ServerRequest).authority : request.headers.host;
}

function isHost(authority: string): boolean {
  return authority !== "" && !/[/?#@\\]/.test(authority) && URL.canParse(`http://${authority}`);
}
