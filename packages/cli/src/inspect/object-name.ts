import { type ObjectKey, parseObjectKey } from "@graft/format";

/** What a key, or the path of a file of a `file:` store, says about its object. */
export function objectKeyOf(name: string): ObjectKey | undefined {
  const at = name.lastIndexOf("volumes/");
  return at === -1 ? undefined : parseObjectKey(name.slice(at));
}
