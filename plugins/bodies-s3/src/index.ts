/** The public entry of `@postroad/bodies-s3`. */
export { bodiesS3 } from './bodies-s3.js';
