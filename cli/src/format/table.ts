/**
 * Columns as wide as their widest cell, under headings.
 *
 * @param rows each as long as the headings
 * @example formatTable(["SERVICE", "STATE"], [["orders-api", "current"]])
 */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
