import fc from "fast-check";
import { expect, test } from "vitest";
import { noticeTopic, reportTopic, topicKey } from "../../../../shared/contract/topics.ts";

const arn = (name: string) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}`;
const name = fc.stringMatching(/^[A-Za-z0-9/_+=.@!-]{1,512}$/);

test("puts notices and reports of a secret on a topic that can be read", () => {
  expect(noticeTopic("keyturn/prod", arn("prod/orders/db-AbCdEf"))).toBe(
    "keyturn/prod/notices/prod:orders:db-AbCdEf",
  );
  expect(reportTopic("keyturn/prod", arn("prod/orders/db-AbCdEf"))).toBe(
    "keyturn/prod/reports/prod:orders:db-AbCdEf",
  );
});

test("never makes a wildcard, a level or a topic that is too long of a secret's name", () => {
  fc.assert(
    fc.property(name, (secretName) => {
      expect(topicKey(arn(secretName))).not.toMatch(/[/+#]/);
      expect(
        Buffer.byteLength(noticeTopic("keyturn/a-long-stage-name", arn(secretName))),
      ).toBeLessThanOrEqual(256);
    }),
  );
});

test("never gives two secrets one topic", () => {
  fc.assert(
    fc.property(name, name, (one, other) => {
      fc.pre(one !== other);
      expect(topicKey(arn(one))).not.toBe(topicKey(arn(other)));
    }),
  );
});

const parameterArn = (parameter: string) => `arn:aws:ssm:us-east-1:000000000000:parameter/${parameter}`;

test("puts parameters and secrets kept elsewhere on topics that can be read, too", () => {
  expect(noticeTopic("keyturn/prod", parameterArn("prod/orders/key"))).toBe(
    "keyturn/prod/notices/ssm,prod:orders:key",
  );
  expect(reportTopic("keyturn/prod", "vault:kv/app/prod/db")).toBe(
    "keyturn/prod/reports/vault,kv:app:prod:db",
  );
});

/** Ids of all kinds, made of few characters, so that they come close to each other. */
const rest = fc.stringMatching(/^[ab:/+.~-]{1,6}$/);
const id = fc.oneof(
  rest.map((text) => arn(text.replaceAll(/[:~]/g, "a"))),
  rest.map((text) => parameterArn(text.replaceAll(/[:~+]/g, "a"))),
  rest.map((text) => `vault:${text.replaceAll("~", "a")}`),
  rest.map((text) => `v:${text.replaceAll("~", "a")}`),
  fc.stringMatching(/^[a/:]{200,300}$/).map((text) => `vault:${text}`),
);

test("never gives two ids of whatever kind one topic, nor makes wildcards or levels of them", () => {
  fc.assert(
    fc.property(id, id, (one, other) => {
      fc.pre(one !== other);
      expect(topicKey(one)).not.toBe(topicKey(other));
      expect(topicKey(one)).toMatch(/^[^/+#]{1,200}$/);
    }),
    { numRuns: 5_000 },
  );
});
