/** Where plugins that receive reports hand them in, so that all who tap `reported` hear of them. */
import { token } from '../di/token.js';
import type { ReportedEvent } from '../hooks/table.js';

/** Tells of reports. */
export interface Reports {
  /** Resolves when everybody was told; never rejects. */
  tell(event: ReportedEvent): Promise<void>;
}

/** The token of the reports; the core provides it. */
export const Reports = token<Reports>('core.reports');
