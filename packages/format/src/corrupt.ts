import { type ErrorDetails, GraftError } from "@graft/core";

/**
 * The error of every decoder: stored bytes do not hold what they claim.
 *
 * @param objectName which object, as an operator can find it: its key
 * @param condition what failed to hold, with expected and actual
 */
export function corrupt(
  objectName: string,
  condition: string,
  options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {},
): GraftError {
  const details: ErrorDetails = { object: objectName, condition, ...options.details };
  return new GraftError("corrupt", `${objectName} is corrupt: ${condition}`, {
    details,
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}
