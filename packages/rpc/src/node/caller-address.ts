import { isIPv6 } from "node:net";
import type { NodeRequest } from "./node-handler.ts";

/**
 * Whom a request comes from, for counting: an IPv4 address, or the /64 of an IPv6 one, all of which
 * usually belong to one subscriber.
 *
 * @param trustsProxy takes the last entry of `x-forwarded-for`: the one that the proxy in front
 *   appended. What stands before it anybody may have written.
 */
export function callerAddress(request: NodeRequest, trustsProxy: boolean): string {
  const forwarded = trustsProxy ? request.headers["x-forwarded-for"] : undefined;
  const entries = Array.isArray(forwarded) ? forwarded.join(",") : forwarded;
  const last = entries?.slice(entries.lastIndexOf(",") + 1).trim();
  return network(last || request.socket?.remoteAddress || "unknown");
}

function network(address: string): string {
  const bare = address.replace(/^\[(.*)\](?::\d+)?$/, "$1").replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(bare)) return bare.slice(0, ADDRESS_LENGTH_MAX);
  return `${firstGroups(bare.replace(/%.*$/, ""))}::/64`;
}

/** Whatever stands in a header is not kept at any length. */
const ADDRESS_LENGTH_MAX = 64;
const GROUP_COUNT = 8;
const NETWORK_GROUP_COUNT = 4;

function firstGroups(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: GROUP_COUNT - before.length - after.length }, () => "0");
  const groups = tail === undefined ? before : [...before, ...zeros, ...after];
  return groups
    .slice(0, NETWORK_GROUP_COUNT)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
