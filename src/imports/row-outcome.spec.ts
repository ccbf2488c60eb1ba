import { AppError } from '../common/app-error';
import { SourceError, SourceTimeoutError, SourceUnavailableError } from '../recording/recording-source';
import { FetchPace } from './fetch-pace';
import { outcomeOf } from './row-outcome';

describe('outcomeOf', () => {
  it('holds where the source or the database asks to wait, whatever was tried before', () => {
    for (const attempts of [1, 3, 9]) {
      expect(outcomeOf(new SourceUnavailableError('wait', 20_520), attempts)).toEqual({
        kind: 'hold',
        seconds: 20_520,
      });
      expect(outcomeOf(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), attempts).kind).toBe('hold');
    }
  });

  it.each([new SourceTimeoutError('slow'), new SourceError('nonsense'), new Error('a defect')])('tries again later on %s, and gives up after three times', (error) => {
    const outcomes = [1, 2, 3].map((attempts) => outcomeOf(error, attempts));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['later', 'later', 'give-up']);
    expect(outcomes[2]).toMatchObject({ status: 'failed', problem: expect.stringMatching(/^(source-timeout|source-error|internal): /) as string });
    expect(JSON.stringify(outcomes)).not.toContain('a defect');
  }); // prettier-ignore

  it('gives up what will never go well', () => {
    expect(outcomeOf(new AppError('invalid-isrc', 'no'), 1)).toEqual({ kind: 'give-up', status: 'failed', problem: 'invalid-isrc: no' });
  }); // prettier-ignore
});

describe('FetchPace', () => {
  it('widens with answers and narrows with holds', () => {
    const pace = new FetchPace();
    const first = pace.atOnce;
    for (let each = 0; each < 1000; each += 1) pace.noteAnswer();
    expect(pace.atOnce).toBe(16);
    for (let each = 0; each < 10; each += 1) pace.noteHold();
    expect([first, pace.atOnce]).toEqual([4, 1]);
  });

  it('stands still after errors in a row, longer each time, until an answer', () => {
    const pace = new FetchPace();
    const waits = Array.from({ length: 12 }, () => pace.noteFault());
    expect(waits.slice(0, 7)).toEqual([null, null, null, null, 60, 120, 240]);
    expect(waits.at(-1)).toBe(600);
    pace.noteAnswer();
    expect(pace.noteFault()).toBeNull();
  });
});
