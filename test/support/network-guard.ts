/**
 * Refuses every connection and name look-up that would leave this machine: a test that reaches the internet by
 * mistake fails the same way everywhere, and at once. Runs before each test file; it does not see child processes.
 */
// The module itself: `* as dns` would be a copy, and so would be what is changed on it.
import dns from 'node:dns';
import { BlockList, isIP, isIPv6, Socket } from 'node:net';

const ORIGINAL = Symbol.for('deadwax.network-guard.original');
type Anything = (this: unknown, ...args: unknown[]) => unknown;

const thisMachine = new BlockList();
thisMachine.addSubnet('127.0.0.0', 8, 'ipv4');
thisMachine.addAddress('::1', 'ipv6');
// What a server that listens on every interface gives as its address: to connect there stays here.
thisMachine.addAddress('0.0.0.0', 'ipv4');
thisMachine.addAddress('::', 'ipv6');

replace(Socket.prototype, 'connect', (original) => {
  return function (this: unknown, ...args: unknown[]) {
    const host = hostOf(args);
    if (isLocal(host)) return original.apply(this, args);
    // As a real failure comes: later, as an event.
    process.nextTick(() => (this as Socket).destroy(refusal('connect', host)));
    return this;
  };
});

replace(dns, 'lookup', (original) => {
  return function (this: unknown, host: unknown, ...rest: unknown[]) {
    if (isLocal(host)) return original.call(this, host, ...rest);
    const callback = rest.at(-1) as (error: Error) => void;
    process.nextTick(() => {
      callback(refusal('getaddrinfo', host));
    });
    return {};
  };
});

replace(dns.promises, 'lookup', (original) => {
  return function (this: unknown, host: unknown, ...rest: unknown[]) {
    return isLocal(host) ? original.call(this, host, ...rest) : Promise.reject(refusal('getaddrinfo', host));
  };
});

/** Core modules outlive a test file: each file wraps the original anew, not what the file before it left. */
function replace<Key extends string>(
  holder: Record<Key, unknown>,
  name: Key,
  wrap: (original: Anything) => Anything,
) {
  const current = holder[name] as Anything & { [ORIGINAL]?: Anything };
  const original = current[ORIGINAL] ?? current;
  holder[name] = Object.assign(wrap(original), { [ORIGINAL]: original });
}

/** The forms of `connect`: an options object, a port and a host, a socket's path, or Node's own list of these. */
function hostOf(args: unknown[]): unknown {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === 'object' && first !== null) {
    const options = first as { path?: unknown; host?: unknown };
    return options.path ? 'localhost' : options.host;
  }
  const isPath = typeof first === 'string' && !/^\d+$/.test(first);
  return isPath || typeof second !== 'string' ? 'localhost' : second;
}

/** No host at all means localhost, to Node and so here. */
function isLocal(host: unknown): boolean {
  if (!host) return true;
  if (typeof host !== 'string') return false;
  const name = host.toLowerCase().replace(/\.$/, '');
  if (isIP(name)) return thisMachine.check(name, isIPv6(name) ? 'ipv6' : 'ipv4');
  return name === 'localhost' || name.endsWith('.localhost');
}

function refusal(syscall: string, host: unknown): Error {
  const message = `${syscall} ${String(host)}: tests must not reach beyond this machine (test/support/network-guard.ts)`;
  return Object.assign(new Error(message), { code: 'ENETUNREACH', syscall, hostname: host });
}
