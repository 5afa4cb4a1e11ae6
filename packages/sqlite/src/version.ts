/**
 * What runs here, for `PRAGMA graft_version` and bug reports. A test compares it with package.json.
 */
export const GRAFT_VERSION: { readonly graft: string; readonly sqlite: string } = {
  graft: "0.1.0",
  sqlite: "3.54.1",
};
