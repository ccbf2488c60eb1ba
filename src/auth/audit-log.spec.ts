import { Logger } from '@nestjs/common';
import { AuditLog, type Denial } from './audit-log';

const denial = (address: string): Denial => ({
  actor: 'nobody',
  address,
  userAgent: 'test',
  requestId: 'r',
  method: 'GET',
  route: '/v1/me',
  status: 401,
  error: 'invalid_token',
  scope: null,
});

let lines: jest.SpyInstance;
let audit: AuditLog;
beforeEach(() => {
  jest.useFakeTimers();
  lines = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
  audit = new AuditLog();
});
afterEach(() => {
  lines.mockRestore();
  jest.useRealTimers();
});

const told = (): Record<string, unknown>[] =>
  lines.mock.calls.map(([line]) => line as Record<string, unknown>);

it('tells of refused calls, each with its stable name', () => {
  audit.denied(denial('192.0.2.1'));
  expect(told()).toEqual([{ audit: 'access.denied', ...denial('192.0.2.1') }]);
});

it('cuts a flood from one address, counts it, and tells of another address meanwhile', () => {
  for (let call = 0; call < 1_000; call++) audit.denied(denial('192.0.2.1'));
  audit.denied(denial('192.0.2.2'));
  expect(told().filter(({ address }) => address === '192.0.2.1')).toHaveLength(10);
  expect(told().filter(({ address }) => address === '192.0.2.2')).toHaveLength(1);
  jest.advanceTimersByTime(60_000);
  expect(told().at(-1)).toEqual({ audit: 'access.denied.suppressed', suppressed: 990, told: 11 });
  audit.denied(denial('192.0.2.1'));
  expect(told().at(-1)).toMatchObject({ audit: 'access.denied', address: '192.0.2.1' });
  jest.advanceTimersByTime(60_000);
  expect(lines).toHaveBeenCalledTimes(13); // nothing was suppressed this time
});

it('cuts a flood from many addresses too', () => {
  for (let call = 0; call < 5_000; call++) audit.denied(denial(`2001:db8::${call.toString(16)}`));
  expect(lines).toHaveBeenCalledTimes(300);
  audit.onModuleDestroy();
  expect(told().at(-1)).toEqual({ audit: 'access.denied.suppressed', suppressed: 4_700, told: 300 });
  expect(jest.getTimerCount()).toBe(0);
});
