import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type LocalBroker, startBroker } from "../../../local/stores/broker.ts";
import { type LocalPostgres, startPostgres } from "../../../local/stores/postgres.ts";
import { parseReport } from "../../../shared/contract/report.ts";
import { OPERATOR, REGION, startAws } from "../client/aws.ts";
import { loadLine, NODE_PROJECTS } from "./node-projects.ts";
import { type PackedPackage, packPackage } from "./packed-package.ts";

const TOPIC_PREFIX = "keyturn/test";

/** Says who it is logged in as, and ends when its input does. */
const SERVICE = `
keyturn.createRotatingPool({ secretId: process.env.DB_SECRET_ID }).then(async (pool) => {
  const { rows } = await pool.query("select current_user as name");
  console.log(rows[0].name);
  process.stdin.resume().once("end", () => pool.end());
});
`;

let packed: PackedPackage;
let postgres: LocalPostgres;
let broker: LocalBroker;
let aws: Awaited<ReturnType<typeof startAws>>;
beforeAll(async () => {
  [packed, postgres, broker, aws] = await Promise.all([
    packPackage(),
    startPostgres(),
    startBroker({ region: REGION }),
    startAws(),
  ]);
  broker.registerCaller(OPERATOR);
});
afterAll(() => Promise.all([packed?.remove(), postgres?.stop(), broker?.stop(), aws?.stop()]));

async function createSecret(name: string): Promise<{ readonly arn: string; readonly versionId: string }> {
  const secret = {
    engine: "postgres",
    host: postgres.host,
    port: postgres.port,
    dbname: "postgres",
    username: postgres.superuser,
    password: postgres.superuserPassword,
  };
  const { ARN, VersionId } = await aws
    .clientOf(OPERATOR)
    .send(new CreateSecretCommand({ Name: name, SecretString: JSON.stringify(secret) }));
  return { arn: ARN ?? "", versionId: VersionId ?? "" };
}

// All that is loaded on use comes into it: the reader of secrets, the channel, and the signer.
for (const { version, node, type, skip } of NODE_PROJECTS) {
  test.skipIf(skip)(
    `a service of type ${type} on Node ${version} reads its secret, signs in to the channel, and reports`,
    async () => {
      const { arn, versionId } = await createSecret(`test/${type}-${version}`);
      const adopted: string[] = [];
      broker.onPublish((topic, payload) => {
        if (!topic.startsWith(`${TOPIC_PREFIX}/reports/`)) return;
        const report = parseReport(JSON.parse(payload.toString()));
        if (report.outcome === "swapped") adopted.push(report.versionId);
      });
      const project = await packed.createProject({
        type,
        packages: [...packed.dependencies, ...packed.peers],
        files: { "index.js": loadLine(type, "keyturn", "keyturn/pg") + SERVICE },
      });
      const child = spawn(node, ["index.js"], {
        cwd: project,
        env: {
          DB_SECRET_ID: arn,
          KEYTURN_CHANNEL_URL: broker.webSocketUrl,
          KEYTURN_CHANNEL_AUTH: "aws-sigv4",
          KEYTURN_TOPIC_PREFIX: TOPIC_PREFIX,
          AWS_ENDPOINT_URL: aws.url,
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: OPERATOR.accessKeyId,
          AWS_SECRET_ACCESS_KEY: OPERATOR.secretAccessKey,
        },
      });
      try {
        const output = Promise.all([text(child.stdout), text(child.stderr)]);
        const exited = once(child, "exit");
        await Promise.race([
          exited,
          vi.waitFor(() => expect(adopted).toContain(versionId), { timeout: 10_000 }),
        ]);
        child.stdin.end();
        expect(await exited).toEqual([0, null]);
        expect(await output).toEqual([`${postgres.superuser}\n`, ""]);
        expect(adopted).toContain(versionId);
      } finally {
        child.kill("SIGKILL");
      }
    },
  );
}
