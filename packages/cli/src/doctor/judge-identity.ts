import type { DirectoryExamination } from "@graft/client/inspect";
import type { Judgement } from "./check.ts";

type Identity = Pick<
  DirectoryExamination,
  "verdict" | "succeeds" | "unresolved" | "generation" | "generationBeside" | "generationPath"
>;

/** Whether a data directory is a copy of another one, or an older state of itself. Pure. */
export function judgeIdentity(identity: Identity): Judgement {
  const { verdict, succeeds, unresolved, generation, generationBeside } = identity;
  const values = { generation, verdict };
  if (verdict === "copied") {
    const found = "a copy of another directory, or moved from another disk";
    const advice = "nothing to do: the next command gives it a client id of its own";
    return { status: "warn", found, advice, values };
  }
  if (verdict === "restored") {
    const found = `an older state was put in its place: generation ${generation} of ${generationBeside}`;
    const advice =
      "what was committed since and not pushed is gone; the next command takes a new client id";
    return { status: "warn", found, advice, values };
  }
  if (unresolved.size > 0) {
    const found = `${unresolved.size} volume(s) may hold a push of the client id before this one`;
    return { status: "ok", found: `${found}; it is sent under that one`, values };
  }
  const beside = generationBeside === undefined ? unwatched(identity) : `generation ${generation}`;
  if (succeeds === undefined) return { status: "ok", found: `its own, ${beside}`, values };
  const since = new Date(succeeds.sinceMs).toISOString();
  const was = `client ${succeeds.clientId} until ${since}, when it had been ${succeeds.reason}`;
  return { status: "ok", found: `its own, ${beside}; ${was}`, values };
}

function unwatched({ generationPath }: Identity): string {
  const what =
    generationPath === undefined ? "the directory has no name beside it" : "it is missing";
  return `without a generation beside it (${what}): a backup put in its place is not noticed`;
}
