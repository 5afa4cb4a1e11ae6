import { type Compute, isGraftError } from "@graft/core";
import { decodeFrame, type Frame, type FrameContext } from "@graft/format";
import { conditionOf } from "./condition-of.ts";

/** What is wrong with the content of a frame, as a sentence; undefined: nothing is. */
export async function frameFault(
  frame: Frame,
  context: FrameContext,
  compute: Compute,
): Promise<string | undefined> {
  try {
    await decodeFrame(frame, { ...context, objectName: "frame" }, compute);
    return undefined;
  } catch (error) {
    if (isGraftError(error, "corrupt")) return conditionOf(error);
    throw error;
  }
}
