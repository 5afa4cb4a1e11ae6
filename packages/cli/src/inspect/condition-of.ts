import type { GraftError } from "@graft/core";

/** What failed to hold, without the name of the object, when the error says it apart. */
export function conditionOf(error: GraftError): string {
  const { condition } = error.details;
  return typeof condition === "string" ? condition : error.message;
}
