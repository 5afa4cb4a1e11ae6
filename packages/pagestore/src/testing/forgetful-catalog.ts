import type { CatalogCommit, VolumeCatalog } from "@graft/catalog";

/**
 * A catalog within its rights that helps nobody: it has forgotten everything before it is asked.
 */
export class ForgetfulCatalog implements VolumeCatalog {
  insert(): "inserted" {
    return "inserted";
  }

  get(): undefined {
    return undefined;
  }

  head(): undefined {
    return undefined;
  }

  extent(): undefined {
    return undefined;
  }

  range(): undefined {
    return undefined;
  }

  descend(): Iterable<CatalogCommit> | undefined {
    return undefined;
  }

  forget(): void {}
}
