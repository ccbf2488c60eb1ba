import { redactorOf } from './secret-redaction';

const TOKEN = 'dwx_ERHcPKn8tqAVIcHZME5NgPu2jxz2weBS0vSI8F';
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIiwiYXVkIjoiYiJ9.c2lnbmF0dXJl';
const redact = redactorOf(['client"secret\\1', null, undefined, 'bootstrap-text-made-elsewhere-00']);

it.each([TOKEN, TOKEN.slice(0, -3), JWT, JWT.slice(0, -5), 'bootstrap-text-made-elsewhere-00'])(
  'lets %s not out',
  (secret) => {
    for (const line of [`{"path":"/v1/tokens/${secret}"}`, `{"msg":"${secret} ${secret}"}`, secret]) {
      expect(redact(line)).not.toContain(secret);
    }
    expect(redact(`{"a":1,"path":"/v1/${secret}","b":2}`)).toBe('{"a":1,"path":"/v1/[redacted]","b":2}');
  },
);

it('knows a secret as JSON writes it', () => {
  expect(redact(JSON.stringify({ a: 'client"secret\\1', b: 2 }))).toBe('{"a":"[redacted]","b":2}');
});

it('leaves everything else as it is', () => {
  const line = '{"hint":"dwx_ERHc","id":"tok_80a0a3071f1d43dae27b4fbe","text":"dwx_ and eyJ alone, abcdwx_"}';
  expect(redact(line)).toBe(line);
});
