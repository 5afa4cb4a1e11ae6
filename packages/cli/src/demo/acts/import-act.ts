import { ProgressBar } from "../../progress.ts";
import type { DemoReport } from "../demo-report.ts";
import type { DemoStage, ImportedDemo } from "../demo-stage.ts";

export interface ImportAct extends ImportedDemo {
  readonly report: Pick<DemoReport, "database" | "import">;
}

/** Starts both servers and carries the file into a volume. */
export async function importAct(stage: DemoStage): Promise<ImportAct> {
  const { cast, clock, file, output } = stage;
  const servers = await cast.startServers();
  output.note(`metastore ${servers.metastore.url}, pagestore ${servers.pagestore.url}`);
  const first = await cast.startReplica("first", servers);
  let bar: ProgressBar | undefined;
  first.onProgress = (progress) => {
    bar ??= new ProgressBar("import", Number(stage.stock.value("PRAGMA page_size")), output, clock);
    bar.update(progress);
  };
  const { answer, moved } = await first.measured("import", { file }).finally(() => bar?.end());
  first.onProgress = () => undefined;
  for (const warning of answer.warnings) output.note(`warning: ${warning}`);
  const bytes = answer.pages * answer.pageSize;
  return {
    servers,
    volume: answer.volume,
    first,
    report: {
      database: { bytes, pages: answer.pages, pageSize: answer.pageSize },
      import: {
        seconds: answer.seconds,
        bytesPerSecond: Math.round(bytes / Math.max(answer.seconds, 0.001)),
        requests: moved.requests,
        segments: answer.segments,
      },
    },
  };
}
