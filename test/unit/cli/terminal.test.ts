import { expect, test } from "vitest";
import { createTerminal } from "../../../cli/src/terminal.ts";

function createScreen() {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) };
  return { written, terminal: createTerminal(stream, stream) };
}

test("writes out control sequences of others instead of sending them, in results, notes and progress", () => {
  const { written, terminal } = createScreen();
  const name = "orders\u001b[2J\u009b1m\u202egnp\u{e0001}\r";
  terminal.line(`SERVICE\t${name}\nnext`);
  terminal.note(name);
  terminal.progress(name);
  const shown = "orders\\u001b[2J\\u009b1m\\u202egnp\\udb40\\udc01\\u000d";
  expect(written).toEqual([`SERVICE\t${shown}\nnext\n`, `${shown}\n`, shown]);
});

test("a document says the same as before", () => {
  const { written, terminal } = createScreen();
  const document = { service: "orders\u009b2J\u202e", versions: ["für 📦"] };
  terminal.line(JSON.stringify(document, undefined, 2));
  expect(written.join("")).not.toMatch(/[\u009b\u202e]/);
  expect(written.join("")).toContain("für 📦");
  expect(JSON.parse(written.join(""))).toEqual(document);
});
