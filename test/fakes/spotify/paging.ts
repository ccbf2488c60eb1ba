import { Json } from './track-json';

/** One page of a list as Spotify frames it (spotify-api.md 2.2). */
export interface PageInput {
  items: readonly unknown[];
  total: number;
  limit: number;
  offset: number;
  /** The link to the page at an offset. */
  link: (offset: number) => string;
}

/** The paging object; `next` and `previous` are full links or null. */
export function pageJson({ items, total, limit, offset, link }: PageInput): Json {
  return {
    href: link(offset),
    limit,
    next: offset + limit < total ? link(offset + limit) : null,
    offset,
    previous: offset > 0 ? link(Math.max(0, offset - limit)) : null,
    total,
    items,
  };
}

/** A whole number within bounds, the preset when it is not given, null when it is wrong. */
export function wholeNumber(
  text: string | null,
  bounds: { least: number; most: number; preset: number },
): number | null {
  if (text === null) return bounds.preset;
  if (!/^\d{1,9}$/.test(text)) return null;
  const value = Number(text);
  return value >= bounds.least && value <= bounds.most ? value : null;
}
