import { create } from "@bufbuild/protobuf";
import { type Page, toPageIndex } from "@graft/core";
import { type PageAtIdx, PageAtIdxSchema } from "@graft/proto-gen/pagestore";

/** The data is a view on the message. @throws GraftError `invalid-argument` on index 0 or 2^32−1 */
export function toPage(message: PageAtIdx): Page {
  return { index: toPageIndex(message.pageidx), data: message.data };
}

export function fromPage(page: Page): PageAtIdx {
  return create(PageAtIdxSchema, { pageidx: page.index, data: page.data });
}
