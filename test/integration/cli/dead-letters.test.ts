import { readdirSync, readFileSync } from "node:fs";
import { expect, inject, test } from "vitest";
import { explainDeadLetter } from "../../../cli/src/commands/dead-letter-reason.ts";
import { QUEUES, RULE_QUEUES, stageNames } from "../../../cli/src/place/stage-names.ts";
import { compileEventPattern } from "../../../local/aws/events/event-pattern.ts";
import { readStack } from "../../../local/stack/resources.ts";
import { loadTemplate } from "../../../local/stack/template.ts";

interface Sample {
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: object;
}

const { stage, template } = inject("packagedStack");
const names = stageNames(stage);
const place = { accountId: "000000000000", region: "us-east-1" };
const { resources } = loadTemplate(template, {
  place,
  stackName: names.stack,
  queueUrl: (name) => `http://127.0.0.1/000000000000/${name}`,
});

/** The rules of the packaged template, each with the queues that it feeds. */
const rules = readStack(resources).rules.map(({ name, properties: { EventPattern, Targets = [] } }) => ({
  name: name.replace(`${names.stack}-`, ""),
  // The clock's rule has no pattern; its event names the clock alone.
  matches: compileEventPattern(EventPattern ?? { source: ["aws.events"] }),
  queues: QUEUES.filter((queue) => Targets.some(({ Arn }) => Arn.endsWith(`:${names.queue(queue)}`))),
  targets: Targets.length,
}));

const events = new URL("../../../events/", import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, events), "utf8"));
const folders = ["sources", "attempts", "domain", "deployments"];
const listed: Sample[] = folders.flatMap((folder) =>
  readdirSync(new URL(folder, events)).map((file) => read(`${folder}/${file}`)),
);
const [scheduled] = read("reconcile.json").Records;
const own = { source: names.eventSource, account: place.accountId, region: place.region };
const samples: Sample[] = [
  ...listed.map((event) => ({ ...event, source: event.source.replace("keyturn.local", names.eventSource) })),
  JSON.parse(scheduled.body),
  {
    ...own,
    "detail-type": "Reconcile Continued",
    detail: { v: 1, after: "vault:kv/app/db", again: [], part: 2 },
  },
  {
    ...own,
    "detail-type": "CredentialVerified",
    detail: { ...read("domain/credential-verified.json").detail, previousVerdict: "unreachable" },
  },
];

test("doctor knows the queues that each rule of the template feeds, and no other", () => {
  expect(Object.fromEntries(rules.map(({ name, queues }) => [name, queues]))).toEqual(RULE_QUEUES);
  for (const { name, queues, targets } of rules) expect(targets, name).toBe(queues.length);
});

const deliveries = rules.flatMap(({ name, matches, queues }) =>
  queues.map((queue) => ({ name, queue, sent: samples.filter((sample) => matches(sample)) })),
);

test.each(deliveries)("what $name sends to $queue is a message that may succeed", ({ queue, sent }) => {
  expect(sent.length).toBeGreaterThan(0);
  for (const event of sent) {
    const letter = { messageId: "m-1", body: JSON.stringify(event), attributes: {} };
    expect(explainDeadLetter(queue, letter), event["detail-type"]).toMatchObject({ canSucceed: true });
  }
});
