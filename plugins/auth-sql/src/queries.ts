/** The questions to the database, and the ones that are asked when nobody writes others. */

/** SQL with values as `:name`. Every `SELECT` gives the columns that the README lists. */
export interface Queries {
  /** `:login` in lower case (ASCII). */
  readonly login: string;
  /** `:address` in its one form: lower case, NFC, the domain in A-labels; also `:localPart` and `:domain`. */
  readonly address: string;
  /** `:id`. */
  readonly id: string;
  /** `:after`, an id or nothing; in order of id, by octets; asked again until it gives no row. */
  readonly list: string;
  /** `:id`, `:old`, `:password`; keeps a password anew. Empty: never. */
  readonly setPassword: string;
  /** `:id`, `:name`, `:sha256`, `:protocols` (divided by commas, or nothing); keeps an application password. */
  readonly addAppPassword: string;
  /** `:id`, `:name`. */
  readonly removeAppPassword: string;
}

const columns = (addresses: string, appPasswords: string) =>
  `SELECT a.id, a.login, a.password, a.disabled, a.quota, a.protocols, a.scram, ${addresses} AS addresses, ${appPasswords} AS app_passwords FROM accounts a`;

const selects = {
  sqlite: columns(
    '(SELECT json_group_array(address) FROM (SELECT address FROM addresses WHERE account = a.id ORDER BY place))',
    "(SELECT json_group_array(json_object('name', name, 'sha256', sha256, 'protocols', protocols)) FROM app_passwords WHERE account = a.id)",
  ),
  postgres: columns(
    '(SELECT json_agg(address ORDER BY place)::text FROM addresses WHERE account = a.id)',
    "(SELECT json_agg(json_build_object('name', name, 'sha256', sha256, 'protocols', protocols))::text FROM app_passwords WHERE account = a.id)",
  ),
} as const;

const byOctets = { sqlite: '', postgres: ' COLLATE "C"' } as const;

/** The queries for the tables in the README. */
export function defaultQueries(kind: 'sqlite' | 'postgres'): Queries {
  const select = selects[kind];
  const id = `a.id${byOctets[kind]}`;
  return {
    login: `${select} WHERE lower(a.login) = :login`,
    address: `${select} JOIN addresses b ON b.account = a.id WHERE b.key = :address`,
    id: `${select} WHERE a.id = :id`,
    list: `${select} WHERE ${id} > :after ORDER BY ${id} LIMIT 500`,
    setPassword: 'UPDATE accounts SET password = :password WHERE id = :id AND password = :old',
    addAppPassword:
      'INSERT INTO app_passwords (account, name, sha256, protocols) VALUES (:id, :name, :sha256, :protocols)',
    removeAppPassword: 'DELETE FROM app_passwords WHERE account = :id AND name = :name',
  };
}

/** A query as a driver takes it: places instead of names. */
export interface CompiledQuery {
  readonly text: string;
  /** The names in the order of the places. */
  readonly names: readonly string[];
}

// Texts, quoted names, comments, casts and dollar quotes are left alone; what remains with a colon is a name.
const pieces =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|::|:([A-Za-z_]\w*)/g;

/** Compiles a query; throws `RangeError` for a name that this query does not get. */
export function compileQuery(
  text: string,
  kind: 'sqlite' | 'postgres',
  allowed: readonly string[],
): CompiledQuery {
  const names: string[] = [];
  const places = new Map<string, number>();
  const compiled = text.replace(pieces, (piece, _tag: string | undefined, name: string | undefined) => {
    if (name === undefined) return piece;
    if (!allowed.includes(name))
      throw new RangeError(`:${name} is none of ${allowed.map((one) => `:${one}`).join(', ')}`);
    if (kind === 'sqlite') {
      names.push(name);
      return '?';
    }
    if (!places.has(name)) places.set(name, names.push(name));
    return `$${places.get(name)}`;
  });
  return { text: compiled, names };
}
