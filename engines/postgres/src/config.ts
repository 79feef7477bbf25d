/** How a plugin is told where its database is. */
import { z } from 'zod';

/** The options of a plugin that keeps something in PostgreSQL; spread them into its own schema. */
export const postgresConfig = {
  url: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe(
      'Where the database is, such as `postgres://user@host/postroad`. Several are tried in turn until one takes writes.',
    ),
  password: z.string().optional().describe('The password, when it does not stand in `url`.'),
  tls: z
    .enum(['none', 'required', 'verify'])
    .default('none')
    .describe(
      '`required` encrypts; `verify` also checks the certificate and the name of the server. Not together with `sslmode` in `url`.',
    ),
  tlsCa: z.string().optional().describe("The certificate authority's certificate in PEM, for `verify`."),
  connectionsMax: z.int().min(1).default(10).describe('Most connections of this plugin in this process.'),
  connectTimeoutMs: z.int().min(1).default(5_000).describe('How long to wait for a connection.'),
  statementTimeoutMs: z
    .int()
    .min(1)
    .default(30_000)
    .describe('How long a statement may take; it is then given up, and its connection with it.'),
};

const schema = z.object(postgresConfig);

/** What `openPostgres` needs to know. */
export type PostgresOptions = z.output<typeof schema> & {
  /** Shown by `pg_stat_activity`. */
  readonly name: string;
};
