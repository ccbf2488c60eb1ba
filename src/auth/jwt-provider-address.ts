import { BlockList, isIPv4 } from 'node:net';

/** Who named an address: the operator, by a setting, or the provider, in a document. */
export type NamedBy = 'operator' | 'provider';

/** Where no provider ever is, whoever says so: link-local (the metadata services of clouds), unspecified, multicast, broadcast. */
const NEVER = {
  ipv4: blockList('ipv4', '0.0.0.0/8 169.254.0.0/16 224.0.0.0/3'),
  ipv6: blockList('ipv6', '::/128 fe80::/10 ff00::/8'),
};

/**
 * Not of the public internet (IANA's special-purpose registries). Of IPv6, 2000::/3 alone is given out, and some of it
 * carries IPv4 addresses inside.
 */
const NOT_PUBLIC = {
  ipv4: blockList(
    'ipv4',
    '10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 ' +
      '198.18.0.0/15 198.51.100.0/24 203.0.113.0/24',
  ),
  ipv6: blockList('ipv6', '::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3fff::/20'),
};

/** Whether an IP address may be called for the provider's documents. */
export function mayCall(address: string, namedBy: NamedBy): boolean {
  const plain = address.replace(/^\[|\]$|%.*$/g, '');
  const mapped = mappedIPv4(plain) ?? plain;
  const family = isIPv4(mapped) ? 'ipv4' : 'ipv6';
  return (
    !NEVER[family].check(mapped, family) &&
    (namedBy === 'operator' || !NOT_PUBLIC[family].check(mapped, family))
  );
}

/** `::ffff:127.0.0.1` and `::ffff:7f00:1` are 127.0.0.1 to the machine that is connected to. */
function mappedIPv4(address: string): string | null {
  if (isIPv4(address)) return null;
  const hostname = URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname : '';
  const [, high = '', low = ''] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname) ?? [];
  if (low === '') return null;
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}

/** One for each family: Node compares IPv4 addresses with IPv6 networks too, as `::ffff:…`. */
function blockList(family: 'ipv4' | 'ipv6', nets: string): BlockList {
  const list = new BlockList();
  for (const net of nets.split(' ')) {
    const [address = '', prefix] = net.split('/');
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
