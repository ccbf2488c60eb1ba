/** The token that commands send to a server (`--server`): `DEADWAX_TOKEN`. No setting of the service, which has no use for it. */
export function remoteToken(): string | null {
  return process.env['DEADWAX_TOKEN'] || null;
}
