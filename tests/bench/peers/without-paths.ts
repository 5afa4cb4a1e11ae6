/** A message whose absolute paths are their last parts alone: where it was said does not matter. */
export function withoutPaths(message: string): string {
  return message.replaceAll(/(?<![\w.:/])\/(?:[^\s/'"`:]+\/)+/g, "…/");
}
