import { expect, test } from "vitest";
import { readVerifyConfig } from "../../../functions/verify/verify-config.ts";

const environment = {
  LEDGER_TABLE: "ledger",
  EVENT_SOURCE: "keyturn.test",
  LOGIN_TIMEOUT_MS: "5000",
  STORE_TLS: "verify-full",
  PROPAGATION_ALLOWANCE_MS: "0",
  MAX_RECEIVE_COUNT: "5",
  TIMEOUT_SECONDS: "50",
  RESTORE_PREVIOUS: "false",
  TAGGED_HOSTS: "*",
};

test("tags may name any host where the setting is a star", () => {
  expect(readVerifyConfig(environment)).toMatchObject({
    taggedHosts: undefined,
    mayRestore: false,
    propagationAllowanceMs: 0,
  });
});

test("tags may name no host where the setting is empty", () => {
  expect(readVerifyConfig({ ...environment, TAGGED_HOSTS: "" }).taggedHosts).toEqual([]);
  const { TAGGED_HOSTS: _, ...rest } = environment;
  expect(readVerifyConfig(rest).taggedHosts).toEqual([]);
});

test("hosts that tags may name are compared without regard to case and spaces", () => {
  const config = readVerifyConfig({ ...environment, TAGGED_HOSTS: "DB.internal, .Corp.example.com" });
  expect(config.taggedHosts).toEqual(["db.internal", ".corp.example.com"]);
});

test("names every variable that is missing or wrong", () => {
  const { MAX_RECEIVE_COUNT: _, ...rest } = environment;
  expect(() => readVerifyConfig({ ...rest, RESTORE_PREVIOUS: "yes" })).toThrow(
    /MAX_RECEIVE_COUNT.*RESTORE_PREVIOUS/,
  );
});
