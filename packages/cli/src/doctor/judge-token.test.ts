import { inspectToken, parseVolumePattern } from "@graft/auth";
import { expect, it } from "vitest";
import type { Judgement } from "./check.ts";
import { judgeCleartext, judgeTls } from "./judge-tls.ts";
import { judgeKeys, judgeRights, judgeToken } from "./judge-token.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1_800_000_000_000;
const TOKEN = { kind: "paseto", claims: undefined } as const;
const SCOPE = { volumes: [parseVolumePattern("*")], access: ["read"] } as const;
const TLS = { protocol: "TLSv1.3", distrust: undefined, validToMs: NOW_MS + 60 * DAY_MS };

const token = (claims: Parameters<typeof judgeToken>[1]): Judgement =>
  judgeToken(TOKEN, claims, NOW_MS);

it.each<[string, Judgement, Judgement["status"]]>([
  ["what is no token", judgeToken(inspectToken("secret"), undefined, NOW_MS), "fail"],
  ["a token whose key is not here", token(undefined), "ok"],
  ["a narrow token", token({ scopes: [SCOPE], expiresMs: NOW_MS + 30 * DAY_MS }), "ok"],
  ["everything for ever", token({}), "warn"],
  ["everything, for a month", token({ expiresMs: NOW_MS + 30 * DAY_MS }), "ok"],
  ["a token that ends soon", token({ scopes: [SCOPE], expiresMs: NOW_MS + DAY_MS }), "warn"],
  ["a token that has ended", token({ scopes: [SCOPE], expiresMs: NOW_MS }), "fail"],
  ["a token that begins later", token({ notBeforeMs: NOW_MS + DAY_MS }), "fail"],
  ["the newest key", judgeKeys(2, 0), "ok"],
  ["an older key", judgeKeys(2, 1), "warn"],
  ["a key that is gone", judgeKeys(2, undefined), "fail"],
  ["rights as claimed", judgeRights({ read: true, write: false }, ["read"]), "ok"],
  ["admin, which is all of them", judgeRights({ read: true, write: true }, ["admin"]), "ok"],
  ["fewer rights than claimed", judgeRights({ read: false, write: false }, ["read"]), "warn"],
  ["a good certificate", judgeTls(TLS, NOW_MS), "ok"],
  ["one that ends soon", judgeTls({ ...TLS, validToMs: NOW_MS + DAY_MS }, NOW_MS), "warn"],
  ["one that has ended", judgeTls({ ...TLS, validToMs: NOW_MS - 1 }, NOW_MS), "fail"],
  ["one that nobody knows", judgeTls({ ...TLS, distrust: "SELF_SIGNED" }, NOW_MS), "fail"],
  ["cleartext on this machine", judgeCleartext("127.0.0.1"), "ok"],
  ["cleartext to elsewhere", judgeCleartext("db.example"), "warn"],
  ["cleartext to what only looks like here", judgeCleartext("127.0.0.1.example"), "warn"],
])("the doctor judges %s", (_what, { status, advice }, expected) => {
  expect(status).toBe(expected);
  expect(advice === undefined).toBe(expected === "ok");
});

it("no judgement holds the token", () => {
  const text = `v4.local.${"A".repeat(80)}`;
  expect(JSON.stringify(judgeToken(inspectToken(text), undefined, NOW_MS))).not.toContain("AAAA");
});
