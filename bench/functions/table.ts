export type Row = Readonly<Record<string, string | number>>;

/** Rows as a Markdown table; the first row's keys are the heads of the columns. Numbers stand to the right. */
export function table(rows: readonly Row[]): string {
  const heads = Object.keys(rows[0] ?? {});
  const cells = [heads, ...rows.map((row) => heads.map((head) => String(row[head] ?? "")))];
  const widths = heads.map((_, column) => Math.max(4, ...cells.map((line) => line[column]?.length ?? 0)));
  const isRight = heads.map((_, column) =>
    cells.slice(1).every((line) => /^[~≈<$]?-?[\d,.]+( ?%)?$|^$/.test(line[column] ?? "")),
  );
  const lineOf = (line: readonly string[]) =>
    `| ${line.map((cell, column) => (isRight[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(" | ")} |`;
  const [head = [], ...body] = cells;
  const rule = `| ${widths.map((width, column) => (isRight[column] ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [lineOf(head), rule, ...body.map(lineOf)].join("\n");
}
