import { createHash } from "node:crypto";
import type { SourceFile } from "../repository/files.ts";
import type { Finding } from "../repository/finding.ts";
import { looksRandom } from "./randomness.ts";

/**
 * A value that is public on purpose: a test vector, or the key of a server that lives in a test.
 */
export interface AllowedValue {
  readonly path: string;
  /** `digestOf` the value: another value in the same file is found all the same. */
  readonly digest: string;
  readonly reason: string;
}

interface Rule {
  readonly name: string;
  /** The value is the group `value`, or else the whole. */
  readonly pattern: RegExp;
  readonly accepts?: (value: string) => boolean;
}

const RULES: readonly Rule[] = [
  { name: "a private key", pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----/g },
  { name: "an AWS access key", pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { name: "a token of GitHub", pattern: /\b(?:gh[oprsu]_\w{36}|github_pat_\w{40})\w*/g },
  { name: "a token of npm", pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { name: "a token of Slack", pattern: /\bxox[abeoprs]-[\w-]{20,}/g },
  { name: "a key of Google", pattern: /\bAIza[\w-]{35}/g },
  { name: "a token of Fly", pattern: /\b(?:fo1_[\w-]{40,}|FlyV1 fm\d_[\w+/=,-]{40,})/g },
  { name: "a key of Stripe", pattern: /\b[rs]k_live_[A-Za-z0-9]{20,}/g },
  { name: "a PASETO token", pattern: /\bv[1-4]\.(?:local|public)\.[\w-]{40,}/g },
  { name: "a PASERK key", pattern: /\bk[1-4]\.(?:local|secret)\.[\w-]{40,}/g },
  { name: "a JWT", pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/g },
  {
    name: "a password in a URL",
    pattern: /\b[a-z][a-z\d+.-]*:\/\/[^\s/:@"'`<>${}]+:(?<value>[^\s/:@"'`<>${}]+)@/gi,
    accepts: looksRandom,
  },
  {
    name: "a secret that is assigned",
    pattern:
      /(?:secret|token|passw(?:or)?d|pwd|credential|api_?key|private_?key|access_?key|auth)\w*["'`]?\s*[:=]{1,2}>?\s*["'`]?(?<value>[\w+/=.~-]{20,})/gi,
    accepts: looksRandom,
  },
];

/** What looks like a secret, without its text: reports are read by many. */
export function findSecrets(
  files: readonly SourceFile[],
  allowed: readonly AllowedValue[],
): readonly Finding[] {
  const unused = new Set(allowed);
  const findings: Finding[] = [];
  for (const { path, text } of files) {
    const known = allowed.filter((value) => value.path === path);
    for (const { name, value, line } of valuesIn(text)) {
      const allowance = known.find(({ digest }) => digest === digestOf(value));
      if (allowance !== undefined) {
        unused.delete(allowance);
        continue;
      }
      const message =
        `looks like ${name} (${value.length} characters, digest ${digestOf(value)}), ` +
        "expected none: change it where it is valid; a fixture goes to scripts/secrets/allowed.ts";
      findings.push({ path, line, message });
    }
  }
  for (const { path, digest } of unused) {
    findings.push({
      path,
      line: 1,
      message: `has no value ${digest} any more, allow it no longer`,
    });
  }
  return findings;
}

/** Enough to know a value again, too little to have it. */
export function digestOf(value: string): string {
  return createHash("sha256").update(value).digest("hex").slice(0, 12);
}

function* valuesIn(
  text: string,
): Generator<{ readonly name: string; readonly value: string; readonly line: number }> {
  const taken: { readonly from: number; readonly to: number }[] = [];
  for (const { name, pattern, accepts } of RULES) {
    for (const match of text.matchAll(pattern)) {
      const value = match.groups?.value ?? match[0];
      const from = match.index + match[0].lastIndexOf(value);
      const to = from + value.length;
      if (taken.some((other) => from < other.to && other.from < to)) continue;
      if (accepts !== undefined && !accepts(value)) continue;
      taken.push({ from, to });
      yield { name, value, line: text.slice(0, from).split("\n").length };
    }
  }
}
