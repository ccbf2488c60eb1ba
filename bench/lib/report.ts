/** What a measure found, in a form that goes to the terminal, to files and to docs/performance.md. */

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Plot {
  /** Name of the file, without its extension. */
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The least and the greatest of the rounds. */
  readonly range?: readonly [number, number];
  /** Ours, to be told from peers at a glance. */
  readonly isOurs?: boolean;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** How to read it: one sentence each. */
  readonly remarks: readonly string[];
}

/** One thing that is measured. Files of `bench/measures`, and of the folders of other subjects, export these. */
export interface Measure {
  /** As given on the command line, and as named by the markers in docs/performance.md. */
  readonly name: string;
  readonly title: string;
  readonly run: (context: Context) => Promise<Report>;
}

export interface Context {
  readonly isQuick: boolean;
  readonly rounds: number;
  /** Of one measurement of one contender. */
  readonly seconds: number;
  readonly world: import('./world').World;
  /** A folder of this run alone, removed at its end. */
  readonly folder: string;
  /** One line for whoever waits. */
  readonly say: (line: string) => void;
}

export function toMarkdown(report: Report, imageFolder: string): string {
  const parts: string[] = [];
  for (const { title, columns, rows } of report.tables) {
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
    parts.push(`**${title}**`);
    parts.push(
      [
        line(columns),
        line(columns.map((_column, at) => (at === 0 ? '---' : '---:'))),
        ...rows.map((row) => line(row)),
      ].join('\n'),
    );
  }
  for (const { title, file } of report.plots) parts.push(`![${title}](${imageFolder}/${file}.svg)`);
  if (report.remarks.length > 0) parts.push(report.remarks.map((remark) => `- ${remark}`).join('\n'));
  return parts.join('\n\n');
}

/** The same for a terminal: columns under each other. */
export function toText({ tables, remarks }: Report): string {
  return [
    ...tables.map(({ title, columns, rows }) => {
      const widths = columns.map((column, at) =>
        Math.max(column.length, ...rows.map((row) => row[at]?.length ?? 0)),
      );
      const line = (cells: readonly string[]) =>
        cells
          .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
          .join('  ');
      return [title, line(columns), ...rows.map(line)].join('\n');
    }),
    ...remarks,
  ].join('\n\n');
}
