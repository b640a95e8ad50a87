import { loadavg } from "node:os";
import { parseArgs } from "node:util";

export type Row = Readonly<Record<string, string | number>>;

export interface Figures {
  readonly title: string;
  /** What one needs to know to read the table. */
  readonly notes?: readonly string[];
  readonly rows: readonly Row[];
}

/** Reads `--json` and the numbers that a benchmark takes, such as `--rounds 20`; `given` names them with defaults. */
export function readArguments<Name extends string>(given: Readonly<Record<Name, number>>) {
  const names = Object.keys(given) as Name[];
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      ...Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
    },
  });
  const numberOf = (name: Name) => {
    const value = (values as Readonly<Record<string, unknown>>)[name];
    const number = value === undefined ? given[name] : Number(value);
    if (!Number.isFinite(number) || number <= 0) throw new Error(`--${name} must be a number above 0`);
    return number;
  };
  const numbers = Object.fromEntries(names.map((name) => [name, numberOf(name)])) as Record<Name, number>;
  return { ...numbers, json: values.json === true };
}

/** Prints a Markdown table, or one line of JSON. */
export function publish({ title, notes = [], rows }: Figures, json: boolean): void {
  const [oneMinuteLoad = 0] = loadavg();
  if (json) {
    console.log(JSON.stringify({ title, node: process.version, oneMinuteLoad, notes, rows }));
    return;
  }
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, column) => Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)));
  const [head = [], ...body] = cells.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  console.log(`\n${title} (Node ${process.version}, load ${oneMinuteLoad.toFixed(2)})\n`);
  console.log([head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n"));
  for (const note of notes) console.log(`\n${note}`);
}
