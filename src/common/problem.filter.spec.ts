import { type ArgumentsHost, Logger } from '@nestjs/common';
import { AppError } from './app-error';
import { ProblemFilter } from './problem.filter';

/** The levels that the log hears of when a call fails by `error`. */
function levelsOf(error: Error): string[] {
  const told: string[] = [];
  const spies = (['error', 'warn', 'debug'] as const).map((level) =>
    jest.spyOn(Logger.prototype, level).mockImplementation(() => void told.push(level)),
  );
  const host = {
    getType: () => 'http',
    switchToHttp: () => ({
      getRequest: () => ({ id: 'id', url: '/', routeOptions: { url: '/', config: {} } }),
      getResponse: () => ({ sent: true }),
    }),
  };
  new ProblemFilter().catch(error, host as unknown as ArgumentsHost);
  for (const spy of spies) spy.mockRestore();
  return told;
}

it('warns of calls to the source that failed, and not of each one that a known fault or lockout forbids', () => {
  const cause = new Error('connect ECONNREFUSED');
  expect(levelsOf(new AppError('source-unavailable', 'an outage', { cause }))).toEqual(['warn']);
  expect(levelsOf(new AppError('source-error', 'no JSON', { cause }))).toEqual(['warn']);
  expect(levelsOf(new AppError('source-timeout', 'too late'))).toEqual(['warn']);
  expect(levelsOf(new Error('a bug'))).toEqual(['error']);
  expect(levelsOf(new AppError('source-unavailable', 'a lockout'))).toEqual(['debug']);
  expect(levelsOf(new AppError('source-error', 'the credentials are refused'))).toEqual(['debug']);
});
