import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLoad } from "../../../local/demo/load.ts";
import { rotate } from "../../../local/demo/rotation.ts";
import { CLUSTER, isSteady, ORDERS_API, ORDERS_COPIES, startServices } from "../../../local/demo/services.ts";
import { createSampleStore, SAMPLE_VERSION_ID, type SampleStore } from "../../../local/sample-store.ts";
import { parseNotice } from "../../../shared/contract/notice.ts";
import { eventually, startTestRun, type TestRun } from "./local-run.ts";
import { findByVariable } from "./process-tree.ts";

let run: TestRun;
let store: SampleStore;
beforeAll(async () => {
  run = await startTestRun();
  store = await createSampleStore(run.postgres, run.clients.secrets);
  await startServices(run, run.clients.ecs, store);
});
afterAll(() => run?.stop());

const ordersTasks = () => run.targets(CLUSTER, ORDERS_API).map(({ taskArn }) => taskArn);

/** The task's own process; ECS shows no process ids, but each task has the address of its own metadata. */
function processOf(taskArn: string): number {
  const pid = findByVariable(
    "ECS_CONTAINER_METADATA_URI_V4",
    `${run.awsEndpoint}/task-metadata/${taskArn.split("/").at(-1)}`,
  );
  if (pid === undefined) throw new Error(`No process is the task ${taskArn}`);
  return pid;
}

/** Kills a process in the moment in which the first notice of a rotation goes out. @returns the version that it was of */
function killAtNotice(pid: number): Promise<string> {
  return new Promise((resolve) => {
    const onPublished = ({ topic, payload }: { readonly topic: string; readonly payload: string }) => {
      if (!topic.startsWith(`${run.topicPrefix}/notices/`)) return;
      const { versionId } = parseNotice(payload);
      // The secret's first version has a notice too, and that may come late.
      if (versionId === SAMPLE_VERSION_ID) return;
      process.kill(pid, "SIGKILL");
      run.events.off("published", onPublished);
      resolve(versionId);
    };
    run.events.on("published", onPublished);
  });
}

describe.runIf(process.platform === "linux")("orders-api", () => {
  test("a copy that is killed in mid-swap is replaced by one on the new version; the others fail no query", async () => {
    const [victim = "", ...others] = ordersTasks();
    expect(others).toHaveLength(ORDERS_COPIES - 1);
    const load = startLoad([
      {
        name: ORDERS_API,
        targets: () => run.targets(CLUSTER, ORDERS_API).filter(({ taskArn }) => taskArn !== victim),
        concurrency: 6,
        pauseMs: 10,
      },
    ]);
    try {
      const killed = killAtNotice(processOf(victim));
      const { versionId } = await rotate("single-user", {
        secrets: run.clients.secrets,
        postgres: run.postgres,
        store,
        onStep: () => undefined,
      });
      expect(await killed).toBe(versionId);
      // An instance's first report of the version tells how it came to it.
      const firstReports = () => {
        const reports = run.seen.reports.filter((report) => report.versionId === versionId);
        return new Map(
          reports.toReversed().map(({ instanceId, outcome, trigger }) => [instanceId, { outcome, trigger }]),
        );
      };
      await eventually(async () => {
        const tasks = ordersTasks();
        expect(tasks).toHaveLength(ORDERS_COPIES);
        expect(tasks).not.toContain(victim);
        for (const taskArn of tasks)
          expect(firstReports().get(taskArn)).toMatchObject({ outcome: "swapped" });
        expect(await isSteady(run.clients.ecs, [ORDERS_API])).toBe(true);
      });
      const [replacement = "", ...more] = ordersTasks().filter((taskArn) => !others.includes(taskArn));
      expect(more).toEqual([]);
      expect(firstReports().get(replacement)).toEqual({ outcome: "swapped", trigger: "start" });

      const before = load.counts()[ORDERS_API]?.queries ?? 0;
      await eventually(() => expect(load.counts()[ORDERS_API]?.queries).toBeGreaterThan(before + 50));
      expect(load.counts()[ORDERS_API]).toMatchObject({ failedQueries: 0, codes: {} });
    } finally {
      await load.stop();
    }
  });
});
