import { createLocalKey, createToken, formatLocalKey, inspectToken } from "@graft/auth";
import { openNodeRemote } from "@graft/client/node";
import { GraftError } from "@graft/core";
import type { Command, Flag, Invocation } from "../command.ts";
import {
  GUARD_FLAGS,
  JSON_FLAG,
  PAGESTORE_URL_FLAG,
  TOKEN_FLAG,
  URL_DEFAULT,
  URL_FLAG,
} from "../flags.ts";
import { parseVolumeArgument } from "../replica/open-replica.ts";
import { askRights, type Rights } from "../token/ask-rights.ts";
import { claimFacts, describeClaims } from "../token/describe-claims.ts";
import { keysAtHand } from "../token/keys-at-hand.ts";
import { parseExpiry } from "../token/parse-expiry.ts";
import { scopeValue } from "../token/scope-values.ts";
import { UsageError } from "../usage-error.ts";

type Action = (invocation: Invocation) => void | Promise<void>;

const ACTIONS: Readonly<Record<string, Action>> = { create, inspect, key: makeKey };

const SCOPE_FLAGS: readonly Flag[] = [
  { name: "subject", value: "NAME", help: "whom the token is for" },
  {
    name: "expires",
    value: "TIME",
    help: "until when: 30m, 12h, 7d, or a date",
    fallback: "never",
  },
  {
    name: "volume",
    value: "ID,…",
    help: "which volumes: ids, beginnings of ids followed by *, or * for all",
  },
  { name: "read-only", help: "may read, and nothing else" },
  {
    name: "access",
    value: "LIST",
    help: "what it may do: read, write, create, admin, separated by commas",
    fallback: "read,write,create",
  },
  { name: "max-lsn", value: "LSN", help: "the newest LSN it may see or make" },
  { name: "max-bytes", value: "N", help: "bytes of pages it may write, all its volumes together" },
];

/** `graft token create`, `graft token inspect [TOKEN]`, `graft token key`. */
export const token: Command = {
  name: "token",
  summary: "tokens that say who may do what: make one, look at one, make a key for them",
  positionals: "create | inspect [TOKEN] | key",
  positionalCount: { min: 1, max: 2 },
  flags: [
    ...GUARD_FLAGS.filter(({ name }) => name === "token-keys"),
    ...SCOPE_FLAGS,
    TOKEN_FLAG,
    URL_FLAG,
    PAGESTORE_URL_FLAG,
    JSON_FLAG,
  ],
  async run(invocation) {
    const [verb = "", text] = invocation.positionals;
    const action = Object.hasOwn(ACTIONS, verb) ? ACTIONS[verb] : undefined;
    if (action === undefined) {
      throw new UsageError(`graft token does create, inspect and key, not "${verb}"`);
    }
    if (text !== undefined && verb !== "inspect") {
      throw new UsageError(`graft token ${verb} takes no further argument, got "${text}"`);
    }
    await action(invocation);
  },
};

function create(invocation: Invocation): void {
  const { output, surroundings, values } = invocation;
  const [key] = keysAtHand(invocation);
  if (key === undefined) {
    throw new UsageError(
      "there is no key to make a token with: set GRAFT_TOKEN_KEYS or --token-keys to what the server has; graft token key makes one",
    );
  }
  const nowMs = surroundings.clock.nowMs();
  const [expires, subject] = [values.get("expires"), values.get("subject")];
  const scope = scopeValue(invocation);
  const claims = {
    ...(subject !== undefined && { subject }),
    ...(expires !== undefined && { expiresMs: parseExpiry(expires, nowMs) }),
    ...(scope !== undefined && { scopes: [scope] }),
  };
  const made = createToken(claims, key, surroundings);
  output.result({ token: made, ...claimFacts(claims) }, made);
  if (!output.isJson) output.note(describeClaims(claims, nowMs).join("\n"));
}

async function inspect(invocation: Invocation): Promise<void> {
  const { output, surroundings, values, positionals } = invocation;
  const text = positionals[1] ?? values.get("token");
  if (text === undefined || text === "") {
    throw new UsageError("no token: graft token inspect TOKEN, or set GRAFT_TOKEN");
  }
  const keys = keysAtHand(invocation);
  const found = inspectToken(text, keys);
  if (found.kind === "unknown") {
    throw new GraftError("invalid-argument", "that is no token: expected v4.local.…, or a JWT");
  }
  const rights = await rightsOf(invocation, text);
  const { kind, claims } = found;
  const isGenuine = kind === "paseto" && keys.length > 0 ? claims !== undefined : undefined;
  const facts = { kind, genuine: isGenuine ?? null, rights: rights ?? null };
  const nowMs = surroundings.clock.nowMs();
  const lines = [
    `kind      ${kind === "jwt" ? "JWT" : "PASETO v4.local"}, ${GENUINE[String(isGenuine)]}`,
    ...(claims === undefined ? [] : describeClaims(claims, nowMs)),
    ...(rights === undefined ? [] : [`server    ${describeRights(rights)}`]),
  ];
  const isExpired = claims?.expiresMs !== undefined && claims.expiresMs <= nowMs;
  output.result(
    { ...facts, expired: isExpired, ...(claims === undefined ? {} : claimFacts(claims)) },
    lines.join("\n"),
  );
}

const GENUINE: Readonly<Record<string, string>> = {
  true: "made with one of the keys at hand",
  false: "made with none of the keys at hand",
  undefined: "not verified here",
};

/** What the server says, when a volume is named. */
async function rightsOf({ values, signal }: Invocation, text: string): Promise<Rights | undefined> {
  const name = values.get("volume");
  if (name === undefined) return undefined;
  const volumeId = parseVolumeArgument(name);
  const metastore = values.get("url") ?? URL_DEFAULT;
  const pagestore = values.get("pagestore-url") ?? metastore;
  const remote = openNodeRemote({ url: { metastore, pagestore }, token: text });
  try {
    return await askRights(remote, volumeId, signal);
  } finally {
    await remote.close();
  }
}

function describeRights({ read, write }: Rights): string {
  return `${read ? "may read" : "may not read"}, ${write ? "may write" : "may not write"}`;
}

function makeKey({ output, surroundings }: Invocation): void {
  const key = formatLocalKey(createLocalKey(surroundings.random));
  output.result({ key }, key);
  if (!output.isJson) {
    output.note("whoever has it makes tokens that give everything: keep it where servers read it");
  }
}
