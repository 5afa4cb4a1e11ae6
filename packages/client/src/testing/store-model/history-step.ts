/**
 * One step of a history. Numbers that make no sense in the state at hand are bent until they do.
 */
export type HistoryStep =
  | {
      readonly kind: "commit";
      readonly pageCount: number;
      readonly pages: readonly number[];
      readonly isStaged?: boolean;
      /** Whether the page count stays as it is. */
      readonly isInPlace?: boolean;
    }
  | {
      /** Another client commits. */
      readonly kind: "remote-commit";
      readonly pageCount: number;
      readonly lowPageCount: number;
      readonly pages: readonly number[];
    }
  | { readonly kind: "pull" }
  | {
      /** Another client commits other pages than ours, and what pends is carried over. */
      readonly kind: "merge";
      readonly pageCount: number;
      readonly pages: readonly number[];
    }
  | { readonly kind: "reset" }
  | { readonly kind: "prepare" }
  /** A part of the prepared push was uploaded. */
  | { readonly kind: "upload" }
  | { readonly kind: "complete" }
  | { readonly kind: "abandon" }
  | { readonly kind: "diverge" }
  | { readonly kind: "pin" }
  | { readonly kind: "pin-push" }
  | { readonly kind: "unpin"; readonly at: number }
  | { readonly kind: "fetch"; readonly at: number; readonly pages: readonly number[] }
  | { readonly kind: "evict"; readonly pageCount: number }
  | { readonly kind: "reopen" };
