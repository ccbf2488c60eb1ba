import { Module } from '@nestjs/common';
import { SampleSource } from './sample-source';

/** Offers the bundled catalogue; `sources/` decides whether it serves. */
@Module({ providers: [SampleSource], exports: [SampleSource] })
export class SampleModule {}
