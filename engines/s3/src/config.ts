/** How a plugin is told where its bucket is. */
import { z } from 'zod';

/** The options of a plugin that keeps something in a bucket; spread them into its own schema. */
export const s3Config = {
  endpoint: z
    .url({ protocol: /^https?$/ })
    .describe('Where the service is, such as `https://s3.example.net`.'),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'not the name of a bucket')
    .describe('The bucket; it must exist.'),
  region: z.string().min(1).default('us-east-1').describe('The region that requests are signed for.'),
  accessKeyId: z.string().min(1).describe('Who asks.'),
  secretAccessKey: z.string().min(1).describe('What requests are signed with.'),
  style: z
    .enum(['path', 'host'])
    .default('path')
    .describe('Whether the bucket stands in the path of a request or in the name of the host.'),
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9._-]+\/)*$/, 'must be empty, or names that each end in a slash')
    .default('')
    .describe('What the name of every object begins with, such as `mail/`.'),
  partBytes: z
    .int()
    .min(5_242_880)
    .max(1_073_741_824)
    .default(8_388_608)
    .describe('A larger object is written in parts of this size, each held in memory once.'),
  readBytes: z.int().min(4_096).default(1_048_576).describe('How much one request reads.'),
  requestTimeoutMs: z.int().min(1).default(20_000).describe('How long one request may take.'),
  writeTimeoutMs: z
    .int()
    .min(1)
    .max(1_800_000)
    .default(120_000)
    .describe('How long writing one object may take, with all its retries.'),
  attemptsMax: z.int().min(1).max(20).default(4).describe('How often a request is tried.'),
  writesMax: z.int().min(1).default(4).describe('Objects that are written at once; others wait.'),
};

const schema = z.object(s3Config);

/** What `openS3` needs to know. */
export type S3Options = z.output<typeof schema>;
