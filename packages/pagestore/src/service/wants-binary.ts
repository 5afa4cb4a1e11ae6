import type { HandlerContext } from "@connectrpc/connect";

/** Whether the answer is encoded in binary; people with a shell may ask for JSON. */
export function wantsBinary({ requestHeader }: Pick<HandlerContext, "requestHeader">): boolean {
  return !(requestHeader.get("content-type") ?? "json").includes("json");
}
