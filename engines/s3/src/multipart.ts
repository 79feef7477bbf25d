/**
 * Objects in parts. Each part is held in memory once while it is sent. When the answer to the last request got lost, the
 * object itself tells whether it is there.
 */
import { cutInto, isMailError, MailError } from '@postroad/core';
import type { S3Content } from './content.js';
import type { S3Sender } from './request.js';

const uploadsPerPage = 1_000;
const pagesMax = 100;

/** Writes an object in parts; what failed leaves nothing, as far as the service can still be told. */
export async function writeInParts(
  send: S3Sender,
  {
    key,
    content,
    partBytes,
  }: { readonly key: string; readonly content: S3Content; readonly partBytes: number },
  signal: AbortSignal,
): Promise<void> {
  const begun = await send({ method: 'POST', key, query: { uploads: '' } }, signal);
  const [uploadId] = textsOf(begun.content.toString('utf8'), 'UploadId');
  if (uploadId === undefined) throw new MailError('E_BODIES', 'the service began no upload');
  try {
    const parts: string[] = [];
    for await (const part of cutInto(content.open(), partBytes)) {
      const partNumber = parts.length + 1;
      const query = { partNumber: String(partNumber), uploadId };
      const { headers } = await send({ method: 'PUT', key, query, content: part }, signal);
      parts.push(
        `<Part><PartNumber>${partNumber}</PartNumber><ETag>${headers.get('etag') ?? ''}</ETag></Part>`,
      );
    }
    await complete(send, { key, uploadId, parts, sizeBytes: content.sizeBytes }, signal);
  } catch (error) {
    // What can not be told now is left to the sweep, which removes unfinished uploads with the object's name.
    await send({ method: 'DELETE', key, query: { uploadId }, accepts: [404] }).catch(() => undefined);
    throw error;
  }
}

async function complete(
  send: S3Sender,
  upload: {
    readonly key: string;
    readonly uploadId: string;
    readonly parts: readonly string[];
    readonly sizeBytes: number;
  },
  signal: AbortSignal,
): Promise<void> {
  const { key, uploadId, parts, sizeBytes } = upload;
  const list = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
  const content = new Uint8Array(Buffer.from(list));
  try {
    const answer = await send({ method: 'POST', key, query: { uploadId }, content }, signal);
    // A service that works for long says 200 first, and what became of it in the text.
    if (!answer.content.includes('<Error>')) return;
  } catch (error) {
    // An upload that is not there any more may have been completed by the try whose answer got lost.
    if (!isMailError(error) || signal.aborted) throw error;
    if (await hasSize(send, key, sizeBytes, signal)) return;
    throw error;
  }
  if (!(await hasSize(send, key, sizeBytes, signal)))
    throw new MailError('E_BODIES', 'the service could not put the parts of an object together');
}

async function hasSize(
  send: S3Sender,
  key: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { status, headers } = await send({ method: 'HEAD', key, accepts: [404] }, signal);
  return status === 200 && Number(headers.get('content-length')) === sizeBytes;
}

/** Ends unfinished uploads of an object; `name` is its key with the bucket's prefix, as the service lists it. */
export async function abortUploads(
  send: S3Sender,
  { key, name }: { readonly key: string; readonly name: string },
  signal?: AbortSignal,
): Promise<void> {
  for (let page = 0; page < pagesMax; page++) {
    const query = { uploads: '', prefix: name, 'max-uploads': String(uploadsPerPage) };
    const { status, content } = await send({ method: 'GET', query, accepts: [404, 501] }, signal);
    // Some services keep no list of them; rules of the bucket end them there.
    if (status !== 200) return;
    const uploads = content.toString('utf8').split('<Upload>').slice(1);
    // Other names may begin like this one.
    const ids = uploads.flatMap((upload) =>
      textsOf(upload, 'Key')[0] === name ? (textsOf(upload, 'UploadId')[0] ?? []) : [],
    );
    for (const uploadId of ids) {
      await send({ method: 'DELETE', key, query: { uploadId }, accepts: [404] }, signal);
    }
    if (uploads.length < uploadsPerPage || ids.length === 0) return;
  }
}

/** The texts of all elements of a name; they hold no elements themselves. */
function textsOf(content: string, name: string): readonly string[] {
  const elements = content.matchAll(new RegExp(`<${name}>([^<]{1,2048})</${name}>`, 'g'));
  return [...elements].map((match) =>
    (match[1] as string)
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&apos;', "'")
      .replaceAll('&amp;', '&'),
  );
}
