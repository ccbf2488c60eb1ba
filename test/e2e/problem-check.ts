import { PROBLEMS, type ProblemSlug } from '../../src/common/problem-catalogue';

/** What must never show: stacks, SQL, and the wording of parsers and libraries. */
const INTERNALS =
  /\bat (\w+\.)*\w+ \(|node_modules|\.[jt]s:\d|SELECT |INSERT |FROM track|sqlite|mysql|postgres|typeorm|Unexpected (token|end)|in JSON at|position \d|FST_|zod|Invalid input|HPE_|Parse Error|undefined/i;

/** Holds an answer against section 1 of the contract: a problem with all of its members, and nothing of our insides. */
export function expectProblem(
  answer: { readonly status: number; readonly headers: Headers; readonly text: string },
  slug: ProblemSlug,
  instance?: string,
): void {
  const { status, title } = PROBLEMS[slug];
  expect([answer.status, answer.text.slice(0, 300)]).toEqual([
    status,
    expect.stringContaining(`"/problems/${slug}"`),
  ]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  expect(body).toEqual({
    type: `/problems/${slug}`,
    title,
    status,
    detail: expect.stringMatching(/\S/),
    instance: instance ?? expect.any(String),
    requestId: answer.headers.get('x-request-id'),
    ...(status === 400 ? { errors: expect.any(Array) } : {}),
  });
  const faults = (body['errors'] ?? []) as { field: string; message: string }[];
  for (const fault of faults) {
    expect(fault).toEqual({ field: expect.stringMatching(/\S/), message: expect.stringMatching(/\S/) });
  }
  expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  expect(answer.text.length).toBeLessThan(20_000);
  // What the caller sent may be repeated, a value in quotes or a name: what is said of it may not tell of our insides.
  for (const { field, message } of [
    ...faults,
    { field: faults[0]?.field, message: String(body['detail']) },
  ]) {
    expect(message.replace(`${field}: `, '').replace(/"[^"]*"/g, '')).not.toMatch(INTERNALS);
  }
}
