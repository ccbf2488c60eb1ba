import { parseReleaseDate } from './release-date';

describe('parseReleaseDate', () => {
  it.each([
    ['2015-10-23', 'day', '2015-10-23', 'day'],
    ['1978-03', 'month', '1978-03', 'month'],
    ['1978', 'year', '1978', 'year'],
    ['2024-02-29', 'day', '2024-02-29', 'day'],
    // no word, or none that is known: as precise as it is written
    ['1978-03-09', '', '1978-03-09', 'day'],
    ['1978', 'decade', '1978', 'year'],
    // the coarser of the two counts
    ['1978-01-01', 'year', '1978', 'year'],
    ['1978', 'day', '1978', 'year'],
    // what is no real date is left out
    ['1978-02-31', 'day', '1978-02', 'month'],
    ['1978-13-01', 'day', '1978', 'year'],
    ['1978-00-00', 'day', '1978', 'year'],
  ])('reads %p (%s) as %p (%s)', (text, precision, releaseDate, releaseDatePrecision) => {
    expect(parseReleaseDate(text, precision)).toEqual({ releaseDate, releaseDatePrecision });
  });

  it.each(['0000', '0000-00-00', '', '78', '1978-3-9', '1978-03-09T00:00:00Z', 'unknown'])(
    'has none in %p',
    (text) => {
      expect(parseReleaseDate(text, 'day')).toEqual({ releaseDate: null, releaseDatePrecision: null });
    },
  );
});
