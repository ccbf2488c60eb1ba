import { BeatLog } from './replica-lag';

describe('BeatLog', () => {
  it('tells since when a database can lack something', () => {
    const log = new BeatLog();
    expect(log.lagOf(5, 0)).toBeNull();
    log.note(10, 1000);
    log.note(13, 2000);
    expect(log.lagOf(9, 2500)).toBeNull();
    expect([10, 12, 13, 14].map((beat) => log.lagOf(beat, 2500))).toEqual([1500, 1500, 500, 500]);
  });

  it('forgets what is long ago', () => {
    const log = new BeatLog();
    for (let beat = 1; beat <= 200; beat++) log.note(beat, beat);
    expect(log.lagOf(50, 200)).toBeNull();
    expect(log.lagOf(150, 200)).toBe(50);
  });
});
