import fc from 'fast-check';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from './app-error';
import { decodeCursor, encodeCursor, linkNext, noBody, noQuery, pageQuery, toPage } from './page';

const key = z.tuple([z.number().int(), z.string()]);

function faultOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const refuses = (list: string, cursor: string) => {
  const { slug, fields, message } = faultOf(() => decodeCursor(list, cursor, key));
  expect({ slug, message, fields }).toEqual({
    slug: 'invalid-request',
    message: 'cursor: is not a cursor of this list with these filters',
    fields: [{ field: 'cursor', message: 'is not a cursor of this list with these filters' }],
  });
};

describe('cursors', () => {
  const cursor = encodeCursor('tracks', [27, 'USWB10102873']);
  const text = fc.string({ unit: 'binary', maxLength: 60 });

  it('come back as they went, and fit into a query unescaped', () => {
    fc.assert(
      fc.property(text, fc.maxSafeInteger(), text, (list, rank, name) => {
        const encoded = encodeCursor(list, [rank, name]);
        expect(encoded).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor(list, encoded, key)).toEqual([rank, name]);
      }),
    );
  });

  it('are good for their own list alone', () => {
    fc.assert(
      fc.property(text, text, (list, other) => {
        // By their bytes: a lone surrogate has none of its own.
        fc.pre(!Buffer.from(list).equals(Buffer.from(other)));
        refuses(other, encodeCursor(list, [1, 'x']));
      }),
    );
  });

  it('do not mix up where a list ends and its key begins', () => {
    const encoded = encodeCursor('a\n[1,"x"]', [1, 'x']);
    refuses('a', encoded);
  });

  it('are refused when any one character is changed', () => {
    const characters = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
    for (let at = 0; at < cursor.length; at++) {
      for (const put of characters) {
        const changed = cursor.slice(0, at) + put + cursor.slice(at + 1);
        if (changed !== cursor) refuses('tracks', changed);
      }
    }
  });

  it('are refused when cut, and with anything added', () => {
    for (let length = 0; length < cursor.length; length++) refuses('tracks', cursor.slice(0, length));
    for (const added of ['=', '==', '.', ' ', 'A', '\n', '%', '\u0000', cursor]) {
      refuses('tracks', cursor + added);
      refuses('tracks', added + cursor);
    }
  });

  it('are refused in standard base64, which is another spelling of the same', () => {
    const spelt = encodeCursor('tracks', [1, 'ÿþ>?'.repeat(8)]);
    expect(spelt).toMatch(/[-_]/);
    refuses('tracks', spelt.replaceAll('-', '+').replaceAll('_', '/'));
  });

  it('are refused where the key is not what the list puts into it', () => {
    for (const wrong of [[], [1], ['x', 1], [1.5, 'x'], [1, 'x', 2], [1, 2]])
      refuses('tracks', encodeCursor('tracks', wrong));
  });

  it('are refused where somebody signed what this list never gives', () => {
    const sign = (text: string) => {
      const check = createHash('sha256').update(`tracks\n${text}`).digest('base64url').slice(0, 16);
      return Buffer.from(check + text).toString('base64url');
    };
    expect(decodeCursor('tracks', sign('[1,"a"]'), key)).toEqual([1, 'a']);
    for (const text of ['not JSON', '', '[1', 'null', '{}', '[1]', '["a",1]']) refuses('tracks', sign(text));
  });

  it('are refused when they are anything else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (garbage) => {
        refuses('tracks', garbage);
      }),
    );
  });
});

describe('toPage', () => {
  const pageOf = (count: number, limit: number) =>
    toPage(
      Array.from({ length: count }, (_, at) => at),
      limit,
      'numbers',
      (row) => [row, `row ${row}`],
      (row) => `item ${row}`,
    );

  it('ends where no row is left beyond the limit', () => {
    expect(pageOf(0, 3)).toMatchObject({ items: [], nextCursor: null });
    expect(pageOf(3, 3)).toMatchObject({ items: ['item 0', 'item 1', 'item 2'], nextCursor: null });
  });

  it('goes on behind the last row shown, not behind the one that was read to know', () => {
    const { items, nextCursor } = pageOf(4, 3);
    expect(items).toEqual(['item 0', 'item 1', 'item 2']);
    expect(decodeCursor('numbers', nextCursor ?? '', key)).toEqual([2, 'row 2']);
  });
});

describe('linkNext', () => {
  const linkOf = (url: string, nextCursor: string | null) => {
    const header = jest.fn();
    linkNext({ url } as FastifyRequest, { header } as unknown as FastifyReply, { items: [], nextCursor });
    return header.mock.calls as string[][];
  };

  it('repeats the query with the new cursor', () => {
    expect(linkOf('/v1/tracks?artist=sigur%20r%C3%B3s&cursor=old&limit=2', 'new')).toEqual([
      ['link', '</v1/tracks?artist=sigur+r%C3%B3s&cursor=new&limit=2>; rel="next"'],
    ]);
    expect(linkOf('/v1/artists', 'new')).toEqual([['link', '</v1/artists?cursor=new>; rel="next"']]);
  });

  it('lets nothing of the query out of the angle brackets', () => {
    const [[, link] = []] = linkOf('/v1/tracks?artist=%3E%3B+rel%3D%22evil%22>;<', 'new');
    expect(link).toMatch(/^<[^<>]*>; rel="next"$/);
  });

  it('says nothing at the end', () => {
    expect(linkOf('/v1/tracks', null)).toEqual([]);
  });
});

describe('the query of lists', () => {
  const query = z.strictObject(pageQuery);
  const isGood = (value: unknown) => query.safeParse(value).success;

  it('has a limit of 50 unless told otherwise, 1 to 200', () => {
    expect(query.parse({})).toEqual({ limit: 50 });
    expect(query.parse({ limit: '1' })).toEqual({ limit: 1 });
    expect(query.parse({ limit: '200', cursor: 'x' })).toEqual({ limit: 200, cursor: 'x' });
  });

  it.each(['0', '201', '-1', '1.0', '1e2', '0x10', '007', '', ' 5', '5 ', '٣', 'all', ['1', '2'], 5, null])(
    'refuses the limit %j',
    (limit) => {
      expect(isGood({ limit })).toBe(false);
    },
  );

  it('refuses an empty cursor, one beyond all measure, two, and unknown parameters', () => {
    for (const wrong of [{ cursor: '' }, { cursor: 'x'.repeat(4001) }, { cursor: ['a', 'b'] }, { page: '2' }])
      expect(isGood(wrong)).toBe(false);
    expect(isGood({ cursor: 'x'.repeat(4000) })).toBe(true);
  });

  it('has none of it where a call takes no query or body', () => {
    expect(noQuery.safeParse({}).success).toBe(true);
    expect(noQuery.safeParse({ limit: '1' }).success).toBe(false);
    for (const none of [undefined, null, {}]) expect(noBody.safeParse(none).success).toBe(true);
    for (const some of [{ a: 1 }, [], 'x', 0]) expect(noBody.safeParse(some).success).toBe(false);
  });
});
