import { connectAsync } from "mqtt";
import { parseNotice } from "../../../shared/contract/notice.ts";
import type { Report } from "../../../shared/contract/report.ts";
import { noticeTopic, reportTopic } from "../../../shared/contract/topics.ts";
import type { TestRun } from "../run/local-run.ts";
import type { TestStore } from "../run/store.ts";

/** What stands in for a running service: it reports each version that a notice tells of as in use. */
export interface Instance {
  readonly instanceId: string;
  end(): Promise<void>;
}

/** @param isDeaf reports its first version, and never hears of another */
export async function startInstance(
  run: TestRun,
  { secretArn, firstVersionId }: TestStore,
  instanceId: string,
  { isDeaf = false } = {},
): Promise<Instance> {
  const client = await connectAsync(run.mqttUrl, { clean: true });
  const report = async (versionId: string, trigger: Report["trigger"], currentSince?: string) => {
    const swapped: Report = {
      v: 1,
      secretArn,
      versionId,
      instanceId,
      service: "orders-api",
      outcome: "swapped",
      trigger,
      occurredAt: new Date().toISOString(),
      ...(currentSince && { currentSince }),
      timings: { totalMs: 12 },
    };
    await client.publishAsync(reportTopic(run.topicPrefix, secretArn), JSON.stringify(swapped), { qos: 1 });
  };
  client.on("message", (_topic, payload, { retain }) => {
    const { versionId, currentSince } = parseNotice(payload.toString());
    if (!retain && versionId !== firstVersionId) void report(versionId, "notice", currentSince);
  });
  if (!isDeaf) await client.subscribeAsync(noticeTopic(run.topicPrefix, secretArn), { qos: 1 });
  await report(firstVersionId, "start");
  return { instanceId, end: () => client.endAsync() };
}
