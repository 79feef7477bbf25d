/** The public entry of `@postroad/s3`. */
export { type S3Options, s3Config } from './config.js';
export type { S3Content } from './content.js';
export { openS3, type S3Bucket } from './objects.js';
export type { S3Services } from './request.js';
