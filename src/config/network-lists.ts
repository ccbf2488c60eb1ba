import { isIP } from 'node:net';

/** Names of address ranges that Fastify knows (loopback, 169.254/16 and fe80::/10, private networks). */
const RANGE_NAMES = ['loopback', 'linklocal', 'uniquelocal'];
const MAX_ENTRIES = 100;

/** Reads `CORS_ORIGINS`: exact origins as browsers send them, separated by commas. Null where one is none. */
export function parseOrigins(text: string): string[] | null {
  const origins = entriesOf(text);
  const areOrigins = origins.every(
    (each) => /^https?:\/\/[^/*]+$/.test(each) && URL.canParse(each) && new URL(each).origin === each,
  );
  return areOrigins && origins.length <= MAX_ENTRIES ? [...new Set(origins)] : null;
}

/** Reads `TRUST_PROXY`: addresses, networks in CIDR form and names of ranges, separated by commas. Null where one is none. */
export function parseProxies(text: string): string[] | null {
  const proxies = entriesOf(text);
  return proxies.every(isProxy) && proxies.length <= MAX_ENTRIES ? proxies : null;
}

function isProxy(text: string): boolean {
  if (RANGE_NAMES.includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0) return false;
  if (prefix === undefined) return true;
  // A prefix of 0 would trust everybody, and so nobody's address would be known.
  return /^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128);
}

function entriesOf(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
