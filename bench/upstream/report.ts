/** What one client reached at one upstream. */
export interface UpstreamResult {
  readonly world: string;
  readonly client: string;
  /** Of the calls permitted, from start to end. */
  readonly used: number;
  /** The same from the third window on, when the first refusal is over. */
  readonly usedLater: number;
  readonly refused: number;
  /** Of 1,000 calls, from the second window on. */
  readonly refusedPerThousand: number;
}

/** How long callers waited, in milliseconds. */
export interface WaitResult {
  readonly limit: number;
  readonly idle: readonly number[];
  readonly busy: readonly number[];
}

/** Both tables, as Markdown. */
export function toMarkdown(
  results: readonly UpstreamResult[],
  waits: readonly WaitResult[],
  minutes: number,
): string {
  const rows = results.map(
    ({ world, client, used, usedLater, refused, refusedPerThousand }) =>
      `| ${world} | ${client} | ${percent(used)} | ${percent(usedLater)} | ${refused} | ${refusedPerThousand.toFixed(1)} |`,
  );
  const waitRows = waits.map(({ limit, idle, busy }) => {
    const cells = [idle, busy].flatMap((all) => [
      all.length,
      ...[0.5, 0.99].map((part) => quantile(all, part)),
    ]);
    const ratio = quantile(busy, 0.99) / quantile(idle, 0.99);
    return `| ${limit} in 30 s | ${cells.map((cell) => Math.round(cell)).join(' | ')} | ${ratio.toFixed(2)} |`;
  });
  return [
    `Calls of 50 to 150 ms, ${minutes} minutes, all clients at the same time, each at an upstream of its own.`,
    '',
    '| upstream | client | permitted calls used | from the third window on | 429s | 429s per 1,000 calls after the first window |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
    'How long callers waited for their answer, in milliseconds, the limit configured:',
    '',
    '| limit | calls, idle | p50 | p99 | calls, bulk saturates | p50 | p99 | p99 busy / idle |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...waitRows,
    '',
  ].join('\n');
}

/** The share used and the refusals, client beside client. */
export function toSvg(results: readonly UpstreamResult[]): string {
  const colours: Readonly<Record<string, string>> = {
    deadwax: '#1b7f4d',
    queue: '#c0702b',
    sequential: '#7a7a8c',
  };
  const line = 22;
  const worlds = [...new Set(results.map(({ world }) => world))];
  let y = 40;
  const parts: string[] = [];
  for (const world of worlds) {
    parts.push(`<text x="10" y="${y}" font-weight="bold">${world}</text>`);
    y += 8;
    for (const { client, usedLater, refusedPerThousand } of results.filter((each) => each.world === world)) {
      const width = Math.round(Math.min(usedLater, 1) * 400);
      parts.push(
        `<rect x="110" y="${y}" width="${width}" height="14" fill="${colours[client] ?? '#444'}"/>`,
        `<text x="10" y="${y + 12}">${client}</text>`,
        `<text x="520" y="${y + 12}">${percent(usedLater)}, ${refusedPerThousand.toFixed(1)} × 429 per 1,000</text>`,
      );
      y += line;
    }
    y += 22;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="760" height="${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="760" height="${y}" fill="#fff"/>`,
    '<text x="10" y="18" font-size="14">Permitted calls used, and refusals, limit unknown to the client</text>',
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** The value below which so large a part of them lies; NaN of none. */
function quantile(values: readonly number[], part: number): number {
  return (
    [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
