/** What a person types to run this again: the scripts of a workspace are not on PATH. */
export function programName(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.npm_lifecycle_event === undefined ? "graft" : "npx -y pnpm@12 graft";
}
