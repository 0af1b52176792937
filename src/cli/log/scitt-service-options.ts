import { option } from '../tee/evidence-options.ts'

/** Options of a log that is also a transparency service. */
export const scittServiceOptions = [
  option(
    'scitt-policy',
    'Registration policy (YAML or JSON): makes the log a SCITT transparency service that speaks SCRAPI (docs/scitt-service.md).',
  ),
  option('receipt-key', 'Private key that signs receipts (PEM file or env:NAME). Default: the key of the log.'),
  option('receipt-key-password', 'Password of the receipt key (file or env:NAME).'),
  option('retired-key', 'PEM file of a key that signed receipts before and is still published; may be repeated.'),
  option(
    'statements',
    'Folder for the statements. The log then holds their SHA-256 only (verify with --entry statement-sha256). Default: the log holds whole statements of up to 65,535 bytes.',
  ),
  option('scitt-token', 'Bearer token that registrations need: env:NAME or a file.'),
  option('scitt-wait', 'Seconds that a client waits for its receipt before it is told to ask again.', '5'),
  option('scitt-gather', 'Seconds during which statements are gathered for one checkpoint.', '0'),
  option('url', 'Address that clients of the service see. Default: they see this server itself.'),
]
