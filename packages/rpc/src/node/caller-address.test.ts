import { expect, test } from "vitest";
import { callerAddress } from "./caller-address.ts";
import type { NodeRequest } from "./node-handler.ts";

function request(remoteAddress: string, forwarded?: string): NodeRequest {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return { headers, socket: { remoteAddress } } as unknown as NodeRequest;
}

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:0DB8:0001::", "2001:db8:1:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("%s counts as %s", (address, expected) => {
  expect(callerAddress(request(address), false)).toBe(expected);
});

test("what a header says is believed behind a proxy only, and only its last entry", () => {
  const asked = request("10.0.0.1", "6.6.6.6, 203.0.113.7");
  expect(callerAddress(asked, false)).toBe("10.0.0.1");
  expect(callerAddress(asked, true)).toBe("203.0.113.7");
  expect(callerAddress(request("10.0.0.1"), true)).toBe("10.0.0.1");
  expect(callerAddress(request("10.0.0.1", "[2001:db8::1]:443"), true)).toBe("2001:db8:0:0::/64");
  expect(callerAddress(request("10.0.0.1", "x".repeat(9999)), true)).toHaveLength(64);
});
