import { describe, expect, test } from "vitest";
import { digestOf, findSecrets } from "./secret-rules.ts";

/** Put together here: the scanner reads this file as well. */
const RANDOM = ["q7Rz", "0bXk", "Wd3N", "uT9e", "LmA5", "yHc2"].join("");
const HEX = ["9f86d081884c7d65", "9a2feaa0c55ad015"].join("");
const TEXT = `${RANDOM}${RANDOM}`;

function found(text: string): readonly string[] {
  return findSecrets([{ path: "a.ts", text }], []).map(
    ({ line, message }) => `${line}: ${message.slice(0, message.indexOf(" ("))}`,
  );
}

describe("a planted secret is found:", () => {
  test.each([
    ["a private key", `-----BEGIN RSA ${"PRIVATE"} KEY-----\n`],
    ["a private key", `-----BEGIN ${"PRIVATE"} KEY-----\n`],
    ["an AWS access key", `id = ${"AKIA"}IOSFODNN7EXAMPLE`],
    ["a token of GitHub", `${"ghp_"}${TEXT}`],
    ["a token of npm", `//host/:_authToken=${"npm_"}${TEXT.slice(0, 36)}`],
    ["a token of Slack", `${"xoxb"}-${TEXT}`],
    ["a key of Google", `${"AIza"}${TEXT.slice(0, 35)}`],
    ["a token of Fly", `FLY=${"fo1_"}${TEXT}`],
    ["a key of Stripe", `${"sk_live_"}${TEXT}`],
    ["a PASETO token", `GRAFT_TOKEN=${"v4.local"}.${TEXT}`],
    ["a PASERK key", `${"k4.local"}.${TEXT}`],
    ["a JWT", `Bearer ${"eyJ"}hbGciOiJFUzI1NiJ9.${"eyJ"}zdWIiOiJ4In0.${TEXT}`],
    ["a password in a URL", `nats://graft:${RANDOM}@example.org`],
    ["a secret that is assigned", `const clientSecret = "${RANDOM}";`],
    ["a secret that is assigned", `{"password": "${RANDOM}"}`],
    ["a secret that is assigned", `AWS_SECRET_ACCESS_KEY=${RANDOM}`],
    ["a secret that is assigned", `token_keys: ${HEX}`],
  ])("%s: %#", (name, text) => {
    expect(found(`\nfirst\n${text}`)).toEqual([`3: looks like ${name}`]);
  });
});

test.each([
  ["a name", 'const token = "the-token-of-the-first-reader";'],
  ["a path", 'const secretsPath = "scripts/secrets/Allowed-values-2.ts";'],
  ["a call", "const token = createLocalTokenForSubject(key, claims);"],
  ["digits that count up", `key = "${"0123456789abcdef".repeat(2)}", token: ${"ab".repeat(20)}`],
  ["a hash without the name of a secret", `"integrity": "sha512-${TEXT}"`],
  ["a password in a URL that is a word", "https://user:password@example.org"],
])("%s is no secret", (_, text) => {
  expect(found(text)).toEqual([]);
});

test("a report does not say the secret", () => {
  const [finding] = findSecrets([{ path: "a.ts", text: `token = "${RANDOM}"` }], []);
  expect(finding?.message).toContain(digestOf(RANDOM));
  expect(JSON.stringify(finding)).not.toContain(RANDOM.slice(0, 6));
});

test("an allowed value is one value in one file, and an allowance without one is an error", () => {
  const text = `token = "${RANDOM}"`;
  const allowed = [{ path: "a.ts", digest: digestOf(RANDOM), reason: "a test" }];
  expect(findSecrets([{ path: "a.ts", text }], allowed)).toEqual([]);
  const other = findSecrets([{ path: "b.ts", text }], allowed).map(({ path }) => path);
  expect(other).toEqual(["b.ts", "a.ts"]);
  const more = findSecrets([{ path: "a.ts", text: `${text}\ntoken = "${HEX}"` }], allowed);
  expect(more.map(({ line }) => line)).toEqual([2]);
});
