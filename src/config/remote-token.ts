/** The token that commands send to a server (`--server`): `DEADWAX_TOKEN`. No setting of the service, which has no use for it. */
export function remoteToken(): string | null {
  const token = process.env['DEADWAX_TOKEN'];
  return token === undefined || token === '' ? null : token;
}
