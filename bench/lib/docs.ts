import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { toSvg } from './plot';
import { ROOT } from './processes';
import { type Report, toMarkdown } from './report';

const PAGE = join(ROOT, 'docs', 'performance.md');
const IMAGES = join(ROOT, 'docs', 'images');

/**
 * Puts reports into docs/performance.md, each between its markers, `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, and their plots
 * into docs/images. What has no markers there is left out.
 * @returns the path of the page
 */
export async function writeDocs(reports: ReadonlyMap<string, Report>, setting: string): Promise<string> {
  let page = readFileSync(PAGE, 'utf8');
  mkdirSync(IMAGES, { recursive: true });
  for (const [name, report] of reports) {
    const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
    const from = page.indexOf(begin);
    const to = page.indexOf(end);
    if (from < 0 || to < from) continue;
    page = `${page.slice(0, from)}${begin}\n\n_${setting}_\n\n${toMarkdown(report, 'images')}\n\n${page.slice(to)}`;
    for (const plot of report.plots) writeFileSync(join(IMAGES, `${plot.file}.svg`), toSvg(plot));
  }
  writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
  return PAGE;
}
