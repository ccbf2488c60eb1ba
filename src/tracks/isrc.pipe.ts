import { Injectable, type PipeTransform } from '@nestjs/common';
import { type Isrc, requireIsrc } from '../recording/isrc';

/** Reads an ISRC in a path, in any accepted spelling. */
@Injectable()
export class IsrcPipe implements PipeTransform<string, Isrc> {
  /** @throws InvalidIsrcError */
  transform(value: string): Isrc {
    return requireIsrc(value);
  }
}
