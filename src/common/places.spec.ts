import { EventEmitter } from 'node:events';
import { AppError } from './app-error';
import { Places } from './places';

const slugOf = (take: () => unknown): string => {
  try {
    take();
  } catch (error) {
    if (error instanceof AppError) return `${error.slug} ${error.retryAfterSeconds}`;
  }
  return 'taken';
};

describe('places', () => {
  const places = () => new Places({ all: 3, each: 2, what: 'uploads', retryAfterSeconds: 7 });

  it('are bounded for each caller and for all, and tell when to come again', () => {
    const some = places();
    const give = [some.take('a'), some.take('a')];
    expect(slugOf(() => some.take('a'))).toBe('rate-limited 7');
    some.take('b');
    expect(slugOf(() => some.take('b'))).toBe('overloaded 7');
    give[0]?.();
    give[0]?.(); // counts once
    expect(slugOf(() => some.take('c'))).toBe('taken');
    expect(slugOf(() => some.take('c'))).toBe('overloaded 7');
    expect(slugOf(() => some.take('a'))).toBe('overloaded 7');
  });

  it('are free again when the answer is sent, also one whose caller had gone before', () => {
    const some = places();
    const answer = (closed: boolean) => Object.assign(new EventEmitter(), { closed });
    const first = answer(false);
    some.takeUntilSent('a', first);
    some.takeUntilSent('a', answer(true));
    some.takeUntilSent('a', answer(false));
    expect(slugOf(() => some.take('a'))).toBe('rate-limited 7');
    first.emit('close');
    expect(slugOf(() => some.take('a'))).toBe('taken');
  });
});
