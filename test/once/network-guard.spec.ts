import * as dns from 'node:dns';
import * as http from 'node:http';
import * as net from 'node:net';
import * as tls from 'node:tls';

// TEST-NET-1 (RFC 5737): an address that nobody has.
const FAR = '192.0.2.1';

describe('the network guard', () => {
  let server: http.Server;
  let port: number;
  beforeAll(async () => {
    server = http.createServer((_request, response) =>
      response.writeHead(204, { connection: 'close' }).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as net.AddressInfo).port;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const outcome = (socket: net.Socket | http.ClientRequest, success: string): Promise<string> =>
    new Promise((resolve) => {
      socket.once('error', (error) => {
        resolve(error.message);
      });
      socket.once(success, () => {
        resolve(success);
        socket.destroy();
      });
    });

  const refused = /tests must not reach beyond this machine/;

  it.each([
    ['an options object', () => net.connect({ host: FAR, port: 9 })],
    ['a port and a host', () => net.connect(9, FAR)],
    ['a socket made before', () => new net.Socket().connect(9, FAR)],
    ['a name', () => net.connect({ host: 'example.com', port: 443 })],
    ['IPv6', () => net.connect({ host: '2001:db8::1', port: 443 })],
    ['TLS', () => tls.connect({ host: FAR, port: 443, servername: 'example.com' })],
    ['HTTP', () => http.get(`http://${FAR}/`)],
  ])('refuses to connect by %s', async (_form, connect) => {
    expect(await outcome(connect(), 'connect')).toMatch(refused);
  });

  it('refuses fetch', async () => {
    const error = await fetch('http://example.com/').catch((thrown: unknown) => thrown);
    expect((error as Error).cause).toHaveProperty('message', expect.stringMatching(refused));
  });

  it('refuses to look up names', async () => {
    const error = await new Promise((resolve) => {
      dns.lookup('example.com', resolve);
    });
    expect(error).toHaveProperty('message', expect.stringMatching(refused));
    await expect(dns.promises.lookup('example.com')).rejects.toThrow(refused);
  });

  it('lets through what stays on this machine', async () => {
    expect(await outcome(net.connect(port, '127.0.0.1'), 'connect')).toBe('connect');
    expect(await outcome(net.connect({ port, host: 'localhost', family: 4 }), 'connect')).toBe('connect');
    expect(await outcome(http.get(`http://127.0.0.1:${port}/`), 'response')).toBe('response');
    expect((await fetch(`http://localhost:${port}/`)).status).toBe(204);
    expect((await dns.promises.lookup('localhost')).address).toMatch(/^(127\.0\.0\.1|::1)$/);
    // A socket's path is no host: refused by the system, for it is not there.
    expect(await outcome(net.connect('/nowhere/at/all.sock'), 'connect')).toMatch(/ENOENT/);
  });
});
