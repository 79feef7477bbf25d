/** What the bench and its server say to each other. */

/** To the server. */
export type AuthOrder =
  | {
      readonly kind: 'start';
      readonly isChecked: boolean;
      readonly workers: number;
      readonly texts: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' };

/** From the server. */
export type AuthReport =
  | { readonly kind: 'ready'; readonly port: number }
  | {
      readonly kind: 'report';
      readonly verdicts: Readonly<Record<string, number>>;
      readonly cpuSeconds: number;
      readonly delayMs: { readonly median: number; readonly p99: number; readonly max: number };
    };
