import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ApiTokensService } from '../../src/auth/api-tokens.service';
import { ClientLimits } from '../../src/client-limits/client-limits';
import { AuthGuard } from '../../src/auth/auth.guard';
import { AnyToken, Public, RequiresScope } from '../../src/auth/policy.decorators';
import { SCOPES } from '../../src/auth/scopes';

/** Handlers of every kind; `undeclared` is the mistake that the guard must not forgive. */
class Handlers {
  undeclared(): void {
    // never called
  }
  @Public()
  open(): void {
    // never called
  }
  @AnyToken()
  known(): void {
    // never called
  }
  @RequiresScope('tokens:admin')
  scoped(): void {
    // never called
  }
}

const authenticate = jest.fn();
const countFailure = jest.fn();
const limits = { charge: () => null, countFailure } as unknown as ClientLimits;
const recall = jest.fn();
const apiTokens = { authenticate, recall } as unknown as ApiTokensService;
const guard = new AuthGuard(new Reflector(), apiTokens, null, limits);

function calling(handler: keyof Handlers, ...headers: string[]): Promise<boolean> {
  const [authorization] = headers;
  const rawHeaders = headers.flatMap((text) => ['Authorization', text]);
  const headersDistinct = authorization === undefined ? {} : { authorization: headers };
  return guard.canActivate({
    getHandler: () => Object.getOwnPropertyDescriptor(Handlers.prototype, handler)?.value as unknown,
    getClass: () => Handlers,
    getType: () => 'http',
    switchToHttp: () => ({
      getRequest: () => ({
        headers: { authorization },
        raw: { headers: { authorization }, headersDistinct, rawHeaders },
      }),
      getResponse: () => ({}),
    }),
  } as unknown as ExecutionContext);
}

beforeEach(() => {
  recall.mockReset().mockReturnValue(null);
  authenticate.mockReset().mockResolvedValue({
    ...{ subject: 'admin', kind: 'api-token', scopes: SCOPES, expiresAt: null },
  });
});

it('lets nobody into a handler that declares no policy, not even who may do all', async () => {
  await expect(calling('undeclared')).rejects.toMatchObject({ slug: 'unauthenticated' });
  await expect(calling('undeclared', 'Bearer all')).rejects.toThrow('Handlers.undeclared declares no policy');
});

it('asks nobody of a token in use, and holds it to the policy', async () => {
  recall.mockImplementation((text: string) => (text === 'used' ? { scopes: ['tracks:read'] } : null));
  await expect(calling('known', 'Bearer used')).resolves.toBe(true);
  await expect(calling('scoped', 'Bearer used')).rejects.toMatchObject({ slug: 'insufficient-scope' });
  expect(authenticate).not.toHaveBeenCalled();
  await expect(calling('known', 'Bearer used', 'Bearer used')).rejects.toMatchObject({
    slug: 'unauthenticated',
  });
  await expect(calling('known', 'Basic used')).rejects.toMatchObject({ slug: 'unauthenticated' });
});

it('lets each into what the policy names', async () => {
  await expect(calling('open')).resolves.toBe(true);
  expect(authenticate).not.toHaveBeenCalled();
  await expect(calling('known', 'Bearer any')).resolves.toBe(true);
  await expect(calling('scoped', 'Bearer any')).resolves.toBe(true);
  authenticate.mockResolvedValue({ scopes: SCOPES.filter((scope) => scope !== 'tokens:admin') });
  await expect(calling('known', 'Bearer any')).resolves.toBe(true);
  await expect(calling('scoped', 'Bearer any')).rejects.toMatchObject({ slug: 'insufficient-scope' });
  // Compared exactly: no scope includes another, and no part of a name is a name.
  authenticate.mockResolvedValue({ scopes: ['tokens', 'tokens:', 'tokens:administrator', 'TOKENS:ADMIN'] });
  await expect(calling('scoped', 'Bearer any')).rejects.toMatchObject({ slug: 'insufficient-scope' });
  authenticate.mockResolvedValue(null);
  await expect(calling('known', 'Bearer any')).rejects.toMatchObject({ slug: 'unauthenticated' });
  await expect(calling('open', 'Bearer any')).resolves.toBe(true);
});
