/**
 * The Standard Schema interface, as its specification publishes it for copying into any project, cut to what is used:
 * zod, valibot and arktype schemas fit it without being named here.
 */

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What validation gives. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** Standard JSON Schema: makes a JSON Schema of what may be written; schemas without it are not exported. */
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: string }) => Record<string, unknown>;
    };
  };
}

/** What a user may write. */
export type SchemaInput<S> = S extends StandardSchema<infer Input, unknown> ? Input : undefined;

/** What the plugin gets. */
export type SchemaOutput<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : undefined;
