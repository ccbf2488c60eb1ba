import { parseRetryAfter, rateLimitSeconds } from './retry-after';

const NOW_MS = Date.parse('2026-11-22T12:00:00.500Z');

describe('parseRetryAfter', () => {
  it.each([
    ['7', 7],
    [' 46649 ', 46_649],
    ['0', 0],
    ['2.1', 3],
    ['Sun, 22 Nov 2026 12:01:00 GMT', 60],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ])('reads %p as %p s', (header, seconds) => {
    expect(parseRetryAfter(header, NOW_MS)).toBe(seconds);
  });

  it.each([
    undefined,
    '',
    'soon',
    '-5',
    '1e9',
    '0x10',
    'NaN',
    '7 s',
    '2026-11-22',
    'Sun, 99 Nov 2026 12:01:00 GMT',
    ['7'],
    7,
  ])('takes %p for no answer', (header) => {
    expect(parseRetryAfter(header, NOW_MS)).toBeNull();
  });
});

describe('rateLimitSeconds', () => {
  it.each([
    ['obeys a usable header', '20520', false, 20_520],
    ['obeys it for the quota as well', '48925', true, 48_925],
    ['never makes a hot loop of 0', '0', false, 1],
    ['nor of a date gone by', 'Sun, 22 Nov 2026 11:00:00 GMT', false, 1],
    ['waits for a whole rate window without a header', undefined, false, 30],
    ['and with garbage', 'soon', false, 30],
    ['waits an hour where the quota is spent and nothing is told', undefined, true, 3600],
    ['or garbage', 'tomorrow', true, 3600],
    ['or 0, which cannot be true of a quota', '0', true, 3600],
    ['waits no longer than a day', '999999999', false, 86_400],
    ['even for a number beyond all numbers', '9'.repeat(400), true, 86_400],
    ['or a date in a far year', 'Sat, 22 Nov 2099 12:00:00 GMT', false, 86_400],
  ])('%s', (_rule, header, isQuota, seconds) => {
    expect(rateLimitSeconds(header, isQuota, NOW_MS)).toBe(seconds);
  });
});
