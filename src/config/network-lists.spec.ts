import { parseOrigins, parseProxies } from './network-lists';

describe('parseOrigins', () => {
  it('reads origins, each once', () => {
    const text = ' https://a.example,http://localhost:5173, https://a.example,,https://[::1]:8443';
    expect(parseOrigins(text)).toEqual(['https://a.example', 'http://localhost:5173', 'https://[::1]:8443']);
    expect(parseOrigins('')).toEqual([]);
  });

  it.each([
    '*',
    'null',
    'a.example',
    'https://a.example/',
    'https://*.example',
    'https://a.example/path',
    'https://A.example',
    'https://a.example:443',
    'https://user@a.example',
    'ftp://a.example',
    'https://a.example, *',
  ])('refuses %s', (text) => {
    expect(parseOrigins(text)).toBeNull();
  });
});

describe('parseProxies', () => {
  it('reads addresses, networks and names of ranges', () => {
    const text = '10.0.0.1, 10.0.0.0/8,::1,2001:db8::/32 ,loopback';
    expect(parseProxies(text)).toEqual(['10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', 'loopback']);
    expect(parseProxies('')).toEqual([]);
  });

  it.each([
    'true',
    '1',
    '*',
    '10.0.0',
    '10.0.0.0/33',
    '0.0.0.0/0',
    '::/0',
    '::1/129',
    '10.0.0.0/8/8',
    'proxy.local',
  ])('refuses %s', (text) => {
    expect(parseProxies(text)).toBeNull();
  });
});
