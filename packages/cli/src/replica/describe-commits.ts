import type { LocalCommit, RemoteCommitInfo } from "@graft/client";
import { readRecorded } from "@graft/sqlite";

type Facts = Readonly<Record<string, unknown>>;

/** A local commit that was not pushed, for programs. What is not known is absent. */
export function pendingFacts(commit: LocalCommit): Facts {
  const { version, pageCount, pages, message, appTransactionId } = commit;
  const { name, statements } = recordOf(commit);
  return {
    pending: true,
    version,
    pages: pageCount,
    changedPages: pages.cardinality,
    message,
    appTransactionId,
    name,
    statements,
  };
}

/** The same for people. */
export function describePending(commit: LocalCommit): string {
  const { version, pageCount, pages, message } = commit;
  const { name, statements } = recordOf(commit);
  const changed = `${pages.cardinality} page(s) changed of ${pageCount}`;
  const recorded = statements === undefined ? "" : `  ${statements} statement(s)`;
  return `pending   version ${version}  ${changed}${recorded}${quoted(name)}${quoted(message)}`;
}

/** A remote commit, for programs. */
export function remoteFacts(commit: RemoteCommitInfo): Facts {
  const { snapshot, changedPageCount, message, appTransactionId } = commit;
  return {
    pending: false,
    lsn: snapshot.lsn,
    at: new Date(snapshot.timestampMs).toISOString(),
    pages: snapshot.pageCount,
    changedPages: changedPageCount,
    message,
    appTransactionId,
  };
}

/** The same for people. */
export function describeRemote(commit: RemoteCommitInfo): string {
  const { snapshot, changedPageCount, message } = commit;
  const at = new Date(snapshot.timestampMs).toISOString();
  const changed = `${changedPageCount} page(s) changed of ${snapshot.pageCount}`;
  return `LSN ${snapshot.lsn}  ${at}  ${changed}${quoted(message)}`;
}

/** How many statements it can be run again by; undefined when they were not recorded. */
function recordOf({ replay }: LocalCommit): {
  readonly name: string | undefined;
  readonly statements: number | undefined;
} {
  const recorded = replay === undefined ? undefined : readRecorded(replay);
  const content = recorded?.content;
  const statements = content?.kind === "statements" ? content.statements.length : undefined;
  return { name: recorded?.name, statements };
}

function quoted(text: string | undefined): string {
  return text === undefined ? "" : `  ${text}`;
}
