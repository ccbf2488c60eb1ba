/** A token is not good. The reason is for our log: callers are told one and the same of every token. */
export class JwtRefusal extends Error {
  constructor(readonly reason: string) {
    super(reason);
    this.name = 'JwtRefusal';
  }
}
