import { conditional } from './measures/conditional';
import { imports } from './measures/imports';
import { lookup } from './measures/lookup';
import { overload } from './measures/overload';
import { pages } from './measures/pages';
import { profile } from './measures/profile';
import { cores, reads } from './measures/reads';
import { size } from './measures/size';
import { writes } from './measures/writes';
import type { Measure } from './lib/report';
import { search } from './search/search';

/** All that `npm run bench` measures, in this order. */
export const MEASURES: readonly Measure[] = [
  reads,
  cores,
  conditional,
  lookup,
  pages,
  search,
  writes,
  imports,
  overload,
  size,
  profile,
];
