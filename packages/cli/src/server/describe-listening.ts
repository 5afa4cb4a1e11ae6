import { URL_DEFAULT } from "../flags.ts";

/** What a person reads when a server listens: where, and what to type next. */
export function describeListening(url: string, store: string): string {
  const flag = url === URL_DEFAULT ? "" : ` --url ${url}`;
  return [
    `graft listens on ${url}, and keeps its data in ${store}`,
    "",
    "next, in another terminal:",
    `  graft import FILE.db --tag mine${flag}      any SQLite file becomes a volume`,
    `  graft clone VOLUME --tag yours --path ./elsewhere${flag}`,
    "                                           a replica that starts at once",
    `  graft sql mine${flag}                       SQL, pages come when they are read`,
    "",
    `  ${url}/healthz and ${url}/metrics tell how it is. Ctrl-C ends it.`,
  ].join("\n");
}
