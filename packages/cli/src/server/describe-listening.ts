import { URL_DEFAULT } from "../flags.ts";

export interface ListeningFacts {
  readonly url: string;
  readonly store: string;
  /** What a person types: "graft". */
  readonly program: string;
}

/** What a person reads when a server listens: where, and what to type next. */
export function describeListening({ url, store, program }: ListeningFacts): string {
  const commands = [
    ["import FILE.db --tag mine", "any SQLite file becomes a volume"],
    ["sql mine", "SQL; pages come when they are read"],
    ["clone VOLUME --tag yours --path ./elsewhere", "a replica that starts at once"],
  ] as const;
  const width = Math.max(...commands.map(([words]) => words.length));
  return [
    `graft listens on ${url}, and keeps its data in ${store}`,
    "",
    "next, in another terminal:",
    ...(url === URL_DEFAULT ? [] : [`  export GRAFT_URL=${url}`]),
    ...commands.map(([words, what]) => `  ${program} ${words.padEnd(width)}   # ${what}`),
    "",
    `${url}/healthz and ${url}/metrics tell how it is. Ctrl-C ends it.`,
  ].join("\n");
}
