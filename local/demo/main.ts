import { ECSClient } from "@aws-sdk/client-ecs";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { Command } from "commander";
import { endOnSignals } from "../end-on-signals.ts";
import { type LocalRun, startLocalRun } from "../local-run.ts";
import { asSuperuser, createSampleStore, type SampleStore } from "../sample-store.ts";
import { type ActResult, isAdopted, isContained, playAct, type Stage } from "./act.ts";
import { recordActs } from "./act-record.ts";
import { type Claim, claim, claimsOfAdoption, claimsOfContainment, DEADLINE_SECONDS } from "./claims.ts";
import { startLoad } from "./load.ts";
import { createPrinter, type Printer } from "./print.ts";
import { CLUSTER, LEGACY_API, ORDERS_API, startServices } from "./services.ts";

/** The second act's version is bad; what mends it is an act of its own. */
type ActTwo = ActResult & { readonly repair: ActResult };

interface Demo {
  readonly ok: boolean;
  readonly acts: readonly [ActResult, ActTwo, ActResult];
  readonly claims: readonly Claim[];
}

async function playDemo(
  run: LocalRun,
  store: SampleStore,
  print: Printer,
  signal: AbortSignal,
): Promise<Demo> {
  const ecs = new ECSClient(run.clientConfig);
  const secrets = new SecretsManagerClient(run.clientConfig);
  const names = new Map<string, string>();
  const started = print.progress("Starting three copies of orders-api and one of legacy-api as ECS tasks");
  await startServices(run, ecs, store, signal);
  for (const [index, { taskArn }] of run.targets(CLUSTER, ORDERS_API).entries()) {
    names.set(taskArn, `${ORDERS_API}/${index + 1}`);
  }
  started();

  const nameOf = (instanceId: string) => names.get(instanceId) ?? instanceId.slice(-12);
  const load = startLoad([
    { name: ORDERS_API, targets: () => run.targets(CLUSTER, ORDERS_API), concurrency: 9, pauseMs: 25 },
    { name: LEGACY_API, targets: () => run.targets(CLUSTER, LEGACY_API), concurrency: 1, pauseMs: 50 },
  ]);
  const recorder = recordActs(run, nameOf, print.step);
  const stage: Stage = {
    run,
    ecs,
    load,
    recorder,
    driver: { secrets, postgres: run.postgres, store },
    nameOf,
    copies: new Set(names.keys()),
    signal,
  };
  try {
    print.title(
      "Act 1. The password of one user changes, the old one is dead before the new version is current",
    );
    const adopted = {
      isComplete: isAdopted,
      completeWhen: "orders-api has swapped and legacy-api is redeployed",
    };
    const first = await playAct({ name: "single-user", kind: "single-user", ...adopted }, stage);
    print.result(first);

    print.title("Act 2. The new version holds a password that the database was never told");
    const contained = { isComplete: isContained, completeWhen: "the bad credential is contained" };
    const bad = await playAct({ name: "bad-credential", kind: "password-never-set", ...contained }, stage);
    print.result(bad);
    print.title("Act 2, the repair. A good rotation follows");
    const repair = await playAct({ name: "repair", kind: "single-user", ...adopted }, stage);
    print.result(repair);

    print.title("Act 3. Alternating users: the user name changes, both stay valid");
    const third = await playAct({ name: "alternating-users", kind: "alternating-users", ...adopted }, stage);
    print.result(third);

    const users = await usersInUse(run, store);
    const running = run.targets(CLUSTER, ORDERS_API).map(({ taskArn }) => taskArn);
    const claims = [
      ...claimsOfAdoption(first),
      ...claimsOfContainment(bad),
      ...claimsOfAdoption(repair),
      ...claimsOfAdoption(third),
      claim(third, "no copy of orders-api was restarted", running.join() === [...names.keys()].join()),
      claim(third, `PostgreSQL sees ${store.users[1]} alone`, users.join() === store.users[1]),
    ];
    return { ok: claims.every(({ holds }) => holds), acts: [first, { ...bad, repair }, third], claims };
  } finally {
    await load.stop();
    ecs.destroy();
    secrets.destroy();
  }
}

/** Who is logged in to the sample database, as PostgreSQL itself says. */
function usersInUse(run: LocalRun, store: SampleStore): Promise<string[]> {
  return asSuperuser(run.postgres, store.database, async (client) => {
    const { rows } = await client.query<{ usename: string }>(
      "select distinct usename from pg_stat_activity where datname = $1 and usename = any($2) order by 1",
      [store.database, store.users],
    );
    return rows.map(({ usename }) => usename);
  });
}

const { json = false } = new Command("demo")
  .description("Three rotations under load on this machine; checks its own claims")
  .option("--json", "print one JSON document as the last line")
  .parse()
  .opts<{ json?: boolean }>();

const print = createPrinter((line) => console.log(line));
const startedAt = performance.now();
await endOnSignals(async (signal) => {
  const ready = print.progress(
    "Packaging serverless.yml and starting what it describes, PostgreSQL and an MQTT broker",
  );
  const run = await startLocalRun({ params: { adoptionDeadlineSeconds: String(DEADLINE_SECONDS) }, signal });
  try {
    ready();
    const secrets = new SecretsManagerClient(run.clientConfig);
    const store = await createSampleStore(run.postgres, secrets).finally(() => secrets.destroy());
    const demo = await playDemo(run, store, print, signal);
    print.title("Claims");
    print.claims(demo.claims);
    print.line(
      `\n${demo.ok ? "All hold" : "Not all hold"}; ${((performance.now() - startedAt) / 1_000).toFixed(0)} s in all.`,
    );
    await run.stop();
    if (json) console.log(JSON.stringify(demo));
    return demo.ok ? 0 : 1;
  } catch (error) {
    // Whoever reads the last line gets a document also where the demo could not be played to its end.
    if (json && !signal.aborted) console.log(JSON.stringify({ ok: false, error: String(error) }));
    throw error;
  } finally {
    await run.stop();
  }
});
