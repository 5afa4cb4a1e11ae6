/**
 * Hints as NATS carries them, in words, so that `nats sub 'graft.>'` can be read:
 *
 * | subject | payload |
 * |---|---|
 * | `<prefix>.hint.<volume id>` | `<node id> <sequence> <LSN>` |
 * | `<prefix>.beat` | `<node id> <sequence>` |
 * | `<prefix>.farewell` | `<node id>` |
 *
 * Node ids are 16 hex digits, numbers decimal. A volume's hints have a subject of their own.
 */
import { isGraftError, parseLsn, parseVolumeId } from "@graft/core";
import type { HintMessage } from "./hint-bus.ts";

/** Longer payloads are of nobody we know: 16 + 16 + 20 digits and two spaces. */
const PAYLOAD_LENGTH_MAX = 54;
const NODE_ID = /^[0-9a-f]{16}$/;
const SEQUENCE = /^[0-9]{1,15}$/;

/** What is published. */
export interface HintText {
  readonly subject: string;
  readonly payload: string;
}

export function encodeHint(prefix: string, message: HintMessage): HintText {
  const { kind, nodeId } = message;
  switch (kind) {
    case "hint": {
      const payload = `${nodeId} ${message.sequence} ${message.lsn}`;
      return { subject: `${prefix}.hint.${message.volumeId}`, payload };
    }
    case "beat":
      return { subject: `${prefix}.beat`, payload: `${nodeId} ${message.sequence}` };
    case "farewell":
      return { subject: `${prefix}.farewell`, payload: nodeId };
  }
}

/** Undefined for whatever is none: a hint that cannot be read is a hint that was lost. */
export function decodeHint(
  prefix: string,
  { subject, payload }: HintText,
): HintMessage | undefined {
  if (payload.length > PAYLOAD_LENGTH_MAX || !subject.startsWith(`${prefix}.`)) return undefined;
  const [kind, volume, ...none] = subject.slice(prefix.length + 1).split(".");
  const [nodeId = "", sequenceText = "", lsnText = "", ...rest] = payload.split(" ");
  if (none.length > 0 || rest.length > 0 || !NODE_ID.test(nodeId)) return undefined;
  if (kind === "farewell") return { kind, nodeId };
  if (!SEQUENCE.test(sequenceText)) return undefined;
  const sequence = Number(sequenceText);
  if (kind === "beat") return { kind, nodeId, sequence };
  if (kind !== "hint" || volume === undefined) return undefined;
  try {
    return { kind, nodeId, sequence, volumeId: parseVolumeId(volume), lsn: parseLsn(lsnText) };
  } catch (error) {
    if (!isGraftError(error, "invalid-argument")) throw error;
    return undefined;
  }
}
