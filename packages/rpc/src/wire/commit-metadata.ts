import { create } from "@bufbuild/protobuf";
import { COMMIT_METADATA_SIZE_MAX, GraftError } from "@graft/core";
import {
  type CommitMetadata as CommitMetadataMessage,
  CommitMetadataSchema,
} from "@graft/proto-gen/common";
import { present } from "./present.ts";

/** What the application says about a commit: at most 4 KiB of UTF-8 together. */
export interface CommitMetadata {
  readonly message?: string;
  readonly appTransactionId?: string;
}

/** Empty texts are absent. @throws GraftError `invalid-argument` over the limit */
export function toCommitMetadata(
  message: CommitMetadataMessage | undefined,
): CommitMetadata | undefined {
  if (message === undefined) return undefined;
  const metadata = present({
    message: textOrAbsent(message.message),
    appTransactionId: textOrAbsent(message.appTransactionId),
  });
  const size = utf8Size(message.message) + utf8Size(message.appTransactionId);
  if (size > COMMIT_METADATA_SIZE_MAX) {
    throw new GraftError(
      "invalid-argument",
      `commit metadata has ${size} bytes: expected at most ${COMMIT_METADATA_SIZE_MAX}`,
    );
  }
  return Object.keys(metadata).length === 0 ? undefined : metadata;
}

export function fromCommitMetadata(
  metadata: CommitMetadata | undefined,
): CommitMetadataMessage | undefined {
  if (metadata === undefined) return undefined;
  return create(CommitMetadataSchema, {
    message: metadata.message ?? "",
    appTransactionId: metadata.appTransactionId ?? "",
  });
}

function textOrAbsent(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function utf8Size(text: string): number {
  return new TextEncoder().encode(text).length;
}
