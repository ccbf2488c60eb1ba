import { isIPv6 } from 'node:net';

/**
 * Under which key attempts from an address are counted: an IPv4 address by itself, IPv6 by the /64 that one customer
 * usually has, an IPv4 address in IPv6 clothes as IPv4.
 */
export function addressKeyOf(address: string | undefined): string {
  const plain = address?.split('%', 1)[0] ?? '';
  if (!isIPv6(plain)) return plain === '' ? 'unknown' : plain;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = plain.toLowerCase().split('::', 2);
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 tail (`64:ff9b::192.0.2.1`) stands for two groups, and lies beyond the first four in any case.
  const backGroups = back.length + (back.at(-1)?.includes('.') === true ? 1 : 0);
  const zeros = Array.from({ length: 8 - front.length - backGroups }, () => '0');
  const groups = tail === undefined ? front : [...front, ...zeros, ...back];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
