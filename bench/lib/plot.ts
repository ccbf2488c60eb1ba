import type { Plot } from './report';
import { figure } from './statistics';

const WIDTH = 860;
const LABELS = 300;
const FIGURES = 90;
const ROW = 30;
const HEAD = 56;
const OURS = '#1f6f50';
const THEIRS = '#9aa5b1';

/** A bar chart as SVG, readable on light and dark pages. */
export function toSvg({ title, unit, bars }: Plot): string {
  const height = HEAD + bars.length * ROW + 12;
  const most = Math.max(...bars.map(({ value, range }) => range?.[1] ?? value));
  const x = (value: number) => LABELS + (value / most) * (WIDTH - LABELS - FIGURES);
  const rows = bars.map(({ label, value, range, isOurs = false }, at) => {
    const y = HEAD + at * ROW;
    const middle = y + ROW / 2;
    const whisker =
      range === undefined
        ? ''
        : `<path d="M${px(x(range[0]))} ${middle}H${px(x(range[1]))}" stroke="#333" stroke-width="2"/>`;
    const end = x(range?.[1] ?? value) + 8;
    return (
      `<text x="${LABELS - 10}" y="${middle + 5}" text-anchor="end"${isOurs ? ' font-weight="bold"' : ''}>${escape(label)}</text>` +
      `<rect x="${LABELS}" y="${y + 5}" width="${px(Math.max(1, x(value) - LABELS))}" height="${ROW - 10}" fill="${isOurs ? OURS : THEIRS}"/>` +
      whisker +
      `<text x="${px(end)}" y="${middle + 5}">${figure(value)}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
    `role="img" font-family="system-ui, sans-serif" font-size="14">\n` +
    `<title>${escape(title)}</title>\n` +
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>\n` +
    `<text x="16" y="24" font-size="16" font-weight="bold">${escape(title)}</text>\n` +
    `<text x="16" y="44" fill="#555">${escape(unit)}</text>\n${rows.join('\n')}\n</svg>\n`
  );
}

function px(value: number): string {
  return value.toFixed(1);
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
