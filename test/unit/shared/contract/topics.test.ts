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
