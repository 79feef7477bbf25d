/** An S3-compatible service of its own for a test file: OpenStack Swift from Debian, in a directory that is removed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@postroad/core';
import { freePort } from '@postroad/core/testing';
import { z } from 'zod';
import { type S3Options, s3Config } from '../config.js';
import { createSender } from '../request.js';
import { swiftProgram } from './swift-program.js';

const python = '/usr/bin/python3';

/** Why there can be none here; `undefined` when there can. */
export const s3Missing = existsSync('/usr/lib/python3/dist-packages/swift/common/middleware/s3api')
  ? undefined
  : 'OpenStack Swift is not installed (Debian: python3-swift)';

/** A running service with one bucket. */
export interface TestS3 {
  readonly port: number;
  readonly pid: number;
  /** How to open its bucket; another port is that of a wire to it. */
  options(more?: Partial<S3Options>): S3Options;
  /** The names of all objects of the bucket. */
  keys(): Promise<readonly string[]>;
  /** Begins an upload in parts that nobody goes on with. */
  beginUpload(key: string): Promise<void>;
  /** How many unfinished uploads there are. */
  uploads(): Promise<number>;
  /** Ends it at once. */
  kill(): Promise<void>;
  /** Lets it stand still, and go on. */
  pause(isPaused: boolean): void;
  /** Starts it again after `kill`, with what it had. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const schema = z.object(s3Config);
const access = 'mail:postroad';
const secret = 'secret-of-nobody';

/** Starts a service on a port of its own; `stop` removes everything. */
export async function startTestS3(): Promise<TestS3> {
  const directory = await mkdtemp(join(tmpdir(), 'postroad-s3-'));
  let child: ChildProcess | undefined;
  let port = await freePort();
  const options = (more: Partial<S3Options> = {}): S3Options => ({
    ...schema.parse({
      endpoint: `http://127.0.0.1:${port}`,
      bucket: 'bodies',
      accessKeyId: access,
      secretAccessKey: secret,
    }),
    ...more,
  });
  const send = (request: Parameters<ReturnType<typeof createSender>>[0]) =>
    createSender(options(), { clock: systemClock, random: { number: () => 0.5 } })(request);
  const texts = async (query: Readonly<Record<string, string>>, name: string): Promise<readonly string[]> => {
    const { content } = await send({ method: 'GET', query });
    return [...content.toString('utf8').matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(
      (match) => match[1] as string,
    );
  };
  async function start(): Promise<void> {
    const args = ['-c', swiftProgram, directory, access, secret, String(port)];
    const started = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child = started;
    for await (const line of createInterface({ input: started.stdout })) {
      port = Number(line);
      return;
    }
    throw new Error('Swift does not start');
  }
  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  try {
    await start();
    await send({ method: 'PUT' });
  } catch (error) {
    await kill();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
  return {
    get port() {
      return port;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    options,
    keys: async () => await texts({ 'list-type': '2' }, 'Key'),
    uploads: async () => (await texts({ uploads: '' }, 'UploadId')).length,
    async beginUpload(key) {
      await send({ method: 'POST', key, query: { uploads: '' } });
    },
    kill,
    pause: (isPaused) => void child?.kill(isPaused ? 'SIGSTOP' : 'SIGCONT'),
    start,
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
